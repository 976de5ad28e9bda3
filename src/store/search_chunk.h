/*
 * search_chunk.h — texts of the search index, compressed together: g->chunk is the one being filled.
 *
 * Those of several commits stand together: the last chunk goes on while there is room.
 */
#ifndef STORE_SEARCH_CHUNK_H
#define STORE_SEARCH_CHUNK_H

#include "store/search_file.h"

/* Nothing happens where `more` bytes find no room in the last one. */
enum err search_chunk_reopen(struct search_file *g, size_t more, struct fail *f) MUST_CHECK;
/* Nothing happens where it is empty. `is_hasty`: more follows at once. */
enum err search_chunk_write(struct search_file *g, bool is_hasty, struct fail *f) MUST_CHECK;

#endif
