/*
 * transcript.c — the strings of a transcript's file.
 */
#include "record/transcript.h"

void transcript_file_keep(struct transcript_file *file, struct arena *arena)
{
    struct str *const strings[] = {&file->path,       &file->tool_use_id,
                                   &file->project,    &file->session_id,
                                   &file->agent_id,   &file->title,
                                   &file->cwd,        &file->branch,
                                   &file->agent_type, &file->agent_description};
    arena_keep(arena, strings, COUNT_OF(strings));
}
