/* engine_clock: the epochs' clock against that of the wall.
 *
 * The epochs' clock never goes back. When the wall clock has jumped ahead and comes back, it stands
 * where the jump took it until the wall has caught up, and with it all that asks it: windows by
 * processing time, early results, the lifetime of keys, sources that go idle. Nobody would guess
 * that, so it is said, and said again now and then. */
#include "daemon/flow/engine_internal.h"

#define BEHIND_SAID_US TIME_SECOND_US /* less is an adjustment, not a jump */
#define AGAIN_US (300 * TIME_SECOND_US)

int64_t engine_clock_ahead_us(const struct engine *engine) {
  int64_t now_us = clock_wall_us(engine->io->clock);
  return engine->clock_us > now_us ? engine->clock_us - now_us : 0;
}

void engine_clock_turn(struct engine *engine) {
  int64_t ahead_us = engine_clock_ahead_us(engine);
  int64_t mono_us = clock_mono_us(engine->io->clock);
  if (ahead_us >= BEHIND_SAID_US) {
    if (engine->clock_stands && mono_us < engine->clock_said_us + AGAIN_US) return;
    engine->clock_stands = true;
    engine->clock_said_us = mono_us;
    diag_say(engine->diag, MESSAGE_CLOCK_STANDS, &engine->where,
             "the clock has gone back by %.1f s: the pipeline's own stands until it has caught up, "
             "and with it what goes by the clock; records are taken and delivered as ever",
             (double)ahead_us / 1e6);
  } else if (engine->clock_stands && ahead_us == 0) {
    engine->clock_stands = false;
    diag_say(engine->diag, MESSAGE_CLOCK_GOES_ON, &engine->where,
             "the clock has caught up with the pipeline's own, which goes on");
  }
}
