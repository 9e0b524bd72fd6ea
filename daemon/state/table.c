/* table: see table.h.
 *
 * Entries lie in pages that never move: a head, the value, the key's bytes. A ref names an entry in
 * 32 bits: page number and offset in the page in units of 8 bytes. The index is an open-addressing
 * array of (low half of the hash, ref) probed linearly, so that a doubling reads nothing but the
 * index and a look-up reads an entry only when 32 bits of its hash agree. Deleting shifts the
 * following slots back, so there are no tombstones. Deleted entries go to a list of their size
 * class and are taken again by the next entry of that class; when the table becomes empty, all
 * pages but the first are given back.
 *
 * What must stay true: hash is hash_bytes() of the key (it is not stored, and computed again for a
 * deletion); `order_first ... order_last` links exactly the live entries in order of creation;
 * account counts every byte that was allocated here. */
#include "daemon/state/table.h"

#include "daemon/base/hash.h"
#include "daemon/base/mem.h"

#include <assert.h>
#include <stdlib.h>

enum {
  UNIT_BYTES = 8,
  PAGE_UNITS_LOG2 = 13, /* 64 KiB */
  PAGE_UNITS = 1 << PAGE_UNITS_LOG2,
  FIRST_PAGE_UNITS = 256, /* pages start small: there is a table per shard */
  INDEX_FIRST = 16,
  SMALL_UNITS = 64,  /* up to here every size is a class of its own */
  CLASSES = 64 + 33, /* beyond, four classes for each doubling */
  NO_REF = 0,        /* refs are stored plus one */
};

struct entry {
  uint32_t newer, older; /* refs, in order of creation */
  uint32_t key_len;
  uint32_t units; /* of the entry as allocated */
  char value[];   /* [value_bytes], then the key */
};

struct free_entry {
  uint32_t next; /* ref */
};

struct page {
  char *data;
  uint32_t units;
};

struct table {
  struct account *account;
  struct memory *memory;
  size_t value_bytes; /* rounded to 8 */
  uint64_t *index;    /* hash's low half << 32 | ref, 0 when free */
  uint32_t index_mask;
  uint32_t count;
  struct page *pages;
  uint32_t n_pages;
  size_t cap_pages;
  uint32_t filling;   /* number + 1 of the page that entries are cut from; 0: none */
  uint32_t used;      /* its units in use */
  uint32_t free_page; /* number + 1 of a page slot whose large entry was deleted; linked by units */
  uint32_t free[CLASSES];
  uint32_t order_first, order_last;
};

void account_add(struct account *account, size_t bytes) {
  if (account != NULL) atomic_fetch_add_explicit(&account->bytes, bytes, memory_order_relaxed);
}

void account_take(struct account *account, size_t bytes) {
  if (account != NULL) atomic_fetch_sub_explicit(&account->bytes, bytes, memory_order_relaxed);
}

/* For pages and indexes. Uninitialised. */
static void *piece_alloc(struct table *table, size_t bytes) {
  account_add(table->account, bytes);
  return bytes % MEMORY_PIECE_BYTES != 0 ? mem_alloc(bytes) : memory_take(table->memory, bytes);
}

static void piece_free(struct table *table, void *piece, size_t bytes) {
  account_take(table->account, bytes);
  if (bytes % MEMORY_PIECE_BYTES != 0) {
    free(piece);
  } else {
    memory_give(table->memory, piece, bytes);
  }
}

static struct entry *entry_at(const struct table *table, uint32_t ref) {
  uint32_t at = ref - 1;
  return (struct entry *)(table->pages[at >> PAGE_UNITS_LOG2].data +
                          (size_t)(at & (PAGE_UNITS - 1)) * UNIT_BYTES);
}

static struct entry *entry_of(const void *value) {
  return (struct entry *)((char *)(uintptr_t)value - offsetof(struct entry, value));
}

static struct slice entry_key(const struct table *table, const struct entry *entry) {
  return (struct slice){entry->value + table->value_bytes, entry->key_len};
}

static uint64_t *index_new(struct table *table, uint32_t mask) {
  size_t bytes = ((size_t)mask + 1) * sizeof(uint64_t);
  return memset(piece_alloc(table, bytes), 0, bytes);
}

static void index_free(struct table *table) {
  piece_free(table, table->index, ((size_t)table->index_mask + 1) * sizeof *table->index);
}

struct table *table_new(size_t value_bytes, struct account *account) {
  struct table *table = mem_zalloc(sizeof *table);
  table->account = account;
  table->memory = account != NULL ? account->memory : NULL;
  table->value_bytes = (value_bytes + 7) & ~(size_t)7;
  account_add(table->account, sizeof *table);
  table->index = index_new(table, INDEX_FIRST - 1);
  table->index_mask = INDEX_FIRST - 1;
  return table;
}

void table_free(struct table *table) {
  if (table == NULL) return;
  for (uint32_t i = 0; i < table->n_pages; i++) {
    struct page page = table->pages[i];
    if (page.data != NULL) piece_free(table, page.data, (size_t)page.units * UNIT_BYTES);
  }
  index_free(table);
  account_take(table->account, sizeof *table + table->cap_pages * sizeof *table->pages);
  free(table->pages);
  free(table);
}

uint64_t table_count(const struct table *table) {
  return table->count;
}

/* The size class of so many units, and how many units its entries have. */
static uint32_t class_of(uint32_t units, uint32_t *class_units) {
  if (units <= SMALL_UNITS) {
    *class_units = units;
    return units - 1;
  }
  uint32_t quarter_log2 = 29 - (uint32_t)__builtin_clz(units - 1);
  uint32_t quarters = ((units - 1) >> quarter_log2) + 1; /* 5..8 of 4 */
  *class_units = quarters << quarter_log2;
  return SMALL_UNITS + (quarter_log2 - 4) * 4 + quarters - 5;
}

static uint32_t page_add(struct table *table, uint32_t units) {
  uint32_t number = table->n_pages;
  if (table->free_page != 0) {
    number = table->free_page - 1;
    table->free_page = table->pages[number].units;
  } else {
    size_t cap = table->cap_pages;
    array_grow((void **)&table->pages, &table->cap_pages, table->n_pages, sizeof *table->pages);
    account_add(table->account, (table->cap_pages - cap) * sizeof *table->pages);
    table->n_pages++;
  }
  /* A ref has 19 bits of page number: 32 GiB in one shard, far beyond memory.max of anybody. */
  assert(number < UINT32_C(1) << (32 - PAGE_UNITS_LOG2));
  char *data = piece_alloc(table, (size_t)units * UNIT_BYTES);
  table->pages[number] = (struct page){.data = data, .units = units};
  return number;
}

/* A ref to room for an entry of so many units. */
static uint32_t entry_alloc(struct table *table, uint32_t units) {
  uint32_t class_units, class = class_of(units, &class_units);
  uint32_t ref;
  if (class_units > PAGE_UNITS) {
    ref = (page_add(table, units) << PAGE_UNITS_LOG2) + 1;
    class_units = units;
  } else if (table->free[class] != NO_REF) {
    ref = table->free[class];
    table->free[class] = ((struct free_entry *)entry_at(table, ref))->next;
  } else {
    if (table->filling == 0 || table->used + class_units > table->pages[table->filling - 1].units) {
      uint32_t page_units = FIRST_PAGE_UNITS;
      for (uint32_t i = 0; i < table->n_pages && page_units < PAGE_UNITS; i++) page_units *= 2;
      while (page_units < class_units) page_units *= 2;
      table->filling = page_add(table, page_units) + 1;
      table->used = 0;
    }
    ref = ((table->filling - 1) << PAGE_UNITS_LOG2) + table->used + 1;
    table->used += class_units;
  }
  entry_at(table, ref)->units = class_units;
  return ref;
}

static void entry_release(struct table *table, uint32_t ref) {
  struct entry *entry = entry_at(table, ref);
  uint32_t units = entry->units;
  if (units > PAGE_UNITS) {
    uint32_t number = (ref - 1) >> PAGE_UNITS_LOG2;
    piece_free(table, entry, (size_t)units * UNIT_BYTES);
    table->pages[number] = (struct page){.units = table->free_page};
    table->free_page = number + 1;
    return;
  }
  uint32_t class_units, class = class_of(units, &class_units);
  ((struct free_entry *)entry)->next = table->free[class];
  table->free[class] = ref;
}

/* Nothing lives: all pages but the first ordinary one go back to the system. */
static void pages_reset(struct table *table) {
  struct page kept = {0};
  for (uint32_t i = 0; i < table->n_pages; i++) {
    struct page page = table->pages[i];
    if (page.data == NULL) continue;
    if (kept.data == NULL && page.units <= PAGE_UNITS) {
      kept = page;
    } else {
      piece_free(table, page.data, (size_t)page.units * UNIT_BYTES);
    }
  }
  memset(table->free, 0, sizeof table->free);
  table->free_page = 0;
  table->used = 0;
  table->filling = table->n_pages = kept.data != NULL;
  if (kept.data != NULL) table->pages[0] = kept;
}

static void index_double(struct table *table) {
  uint32_t mask = table->index_mask * 2 + 1;
  uint64_t *index = index_new(table, mask);
  for (uint32_t i = 0; i <= table->index_mask; i++) {
    uint64_t slot = table->index[i];
    if (slot == 0) continue;
    uint32_t at = (uint32_t)(slot >> 32) & mask;
    while (index[at] != 0) at = (at + 1) & mask;
    index[at] = slot;
  }
  index_free(table);
  table->index = index;
  table->index_mask = mask;
}

void *table_find(const struct table *table, uint64_t hash, struct slice key) {
  uint32_t tag = (uint32_t)hash;
  for (uint32_t at = tag & table->index_mask;; at = (at + 1) & table->index_mask) {
    uint64_t slot = table->index[at];
    if (slot == 0) return NULL;
    if ((uint32_t)(slot >> 32) != tag) continue;
    struct entry *entry = entry_at(table, (uint32_t)slot);
    if (slice_equal(entry_key(table, entry), key)) return entry->value;
  }
}

void *table_put(struct table *table, uint64_t hash, struct slice key, bool *created) {
  void *found = table_find(table, hash, key);
  *created = found == NULL;
  if (found != NULL) return found;

  uint64_t capacity = (uint64_t)table->index_mask + 1;
  if ((uint64_t)table->count + 1 > capacity - capacity / 4) index_double(table);
  size_t bytes = sizeof(struct entry) + table->value_bytes + key.len;
  uint32_t ref = entry_alloc(table, (uint32_t)((bytes + UNIT_BYTES - 1) / UNIT_BYTES));
  struct entry *entry = entry_at(table, ref);
  entry->key_len = (uint32_t)key.len;
  memset(entry->value, 0, table->value_bytes);
  if (key.len > 0) memcpy(entry->value + table->value_bytes, key.data, key.len);

  entry->newer = NO_REF;
  entry->older = table->order_last;
  if (table->order_last != NO_REF) {
    entry_at(table, table->order_last)->newer = ref;
  } else {
    table->order_first = ref;
  }
  table->order_last = ref;

  uint32_t at = (uint32_t)hash & table->index_mask;
  while (table->index[at] != 0) at = (at + 1) & table->index_mask;
  table->index[at] = (hash & UINT32_MAX) << 32 | ref;
  table->count++;
  return entry->value;
}

void table_delete(struct table *table, void *value) {
  struct entry *entry = entry_of(value);
  uint32_t mask = table->index_mask;
  uint32_t hole = (uint32_t)table_hash(table, value) & mask;
  while (table->index[hole] == 0 || entry_at(table, (uint32_t)table->index[hole]) != entry) {
    assert(table->index[hole] != 0); /* a value that is not in this table: a bug */
    hole = (hole + 1) & mask;
  }
  uint32_t ref = (uint32_t)table->index[hole];
  /* A slot behind the hole may move into it unless its home lies between the two. */
  for (uint32_t at = (hole + 1) & mask; table->index[at] != 0; at = (at + 1) & mask) {
    uint32_t home = (uint32_t)(table->index[at] >> 32) & mask;
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    table->index[hole] = table->index[at];
    hole = at;
  }
  table->index[hole] = 0;

  if (entry->older != NO_REF) {
    entry_at(table, entry->older)->newer = entry->newer;
  } else {
    table->order_first = entry->newer;
  }
  if (entry->newer != NO_REF) {
    entry_at(table, entry->newer)->older = entry->older;
  } else {
    table->order_last = entry->older;
  }
  table->count--;
  entry_release(table, ref);
  if (table->count == 0) pages_reset(table);
}

struct slice table_key(const struct table *table, const void *value) {
  return entry_key(table, entry_of(value));
}

uint64_t table_hash(const struct table *table, const void *value) {
  struct slice key = table_key(table, value);
  return hash_bytes(key.data, key.len);
}

void *table_first(const struct table *table) {
  return table->order_first != NO_REF ? entry_at(table, table->order_first)->value : NULL;
}

void *table_next(const struct table *table, const void *value) {
  uint32_t newer = entry_of(value)->newer;
  return newer != NO_REF ? entry_at(table, newer)->value : NULL;
}

void table_prefetch(const struct table *table, uint64_t hash) {
  __builtin_prefetch(&table->index[(uint32_t)hash & table->index_mask]);
}

void table_prefetch_entry(const struct table *table, uint64_t hash) {
  uint64_t slot = table->index[(uint32_t)hash & table->index_mask];
  if (slot != 0) __builtin_prefetch(entry_at(table, (uint32_t)slot));
}

void *table_alloc(struct table *table, size_t bytes) {
  account_add(table->account, bytes);
  return mem_alloc(bytes);
}

void table_release(struct table *table, void *memory, size_t bytes) {
  if (memory == NULL) return;
  account_take(table->account, bytes);
  free(memory);
}
