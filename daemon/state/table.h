/* table: keyed state in memory: a hash table from key bytes to an entry of fixed size.
 *
 * One table belongs to one shard of one transform and is used by one worker at a time. Because the
 * key space is sliced into shards, a table is small and doubling it is short. Entries do not move
 * while they live; iteration is in order of creation (never of hash), so that results cannot
 * depend on it. All memory is counted in an account. */
#ifndef TIDEMARK_STATE_TABLE_H
#define TIDEMARK_STATE_TABLE_H

#include "daemon/base/slice.h"
#include "daemon/io/memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Bytes held by the state of a pipeline; all tables add to it and take from it. Any thread. */
struct account {
  atomic_uint_fast64_t bytes;
  struct memory *memory; /* where large pieces come from; NULL: the heap */
};

/* For what is held beside tables. NULL is fine. */
void account_add(struct account *account, size_t bytes);
void account_take(struct account *account, size_t bytes);

struct table;

/* value_bytes: fixed size of an entry's value, zeroed at creation, 8-byte aligned. */
struct table *table_new(size_t value_bytes, struct account *account);
void table_free(struct table *table); /* NULL is fine */
uint64_t table_count(const struct table *table);

/* The entry's value, or NULL. hash: hash_bytes() of the key. */
void *table_find(const struct table *table, uint64_t hash, struct slice key);
/* The entry's value; *created tells whether it was made now (the key is copied). */
void *table_put(struct table *table, uint64_t hash, struct slice key, bool *created);
void table_delete(struct table *table, void *value);
struct slice table_key(const struct table *table, const void *value);
uint64_t table_hash(const struct table *table, const void *value);

/* Oldest entry, and the one made next after it; NULL at the end. The entry that `table_next` was
 * asked for may be deleted after the call. */
void *table_first(const struct table *table);
void *table_next(const struct table *table, const void *value);

/* Hints that this hash will be looked up soon: first the index is fetched; when that has had time
 * to arrive, the entry. */
void table_prefetch(const struct table *table, uint64_t hash);
void table_prefetch_entry(const struct table *table, uint64_t hash);

/* Memory for parts of a value that vary in size (text, sets), counted in the table's account. */
void *table_alloc(struct table *table, size_t bytes);
void table_release(struct table *table, void *memory, size_t bytes);

#endif
