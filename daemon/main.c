/* tidemark: arguments and the way to the command. */
#include <stdio.h>

int main(void) {
  printf("tidemark %s\n", TIDEMARK_VERSION);
  return 0;
}
