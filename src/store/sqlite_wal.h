/*
 * sqlite_wal.h — a way for SQLite to open files, as its own but for the WAL: the frames of a
 * transaction are handed to the system together.
 */
#ifndef STORE_SQLITE_WAL_H
#define STORE_SQLITE_WAL_H

/* The name to give to sqlite3_open_v2(); NULL, which means SQLite's own way, when there is no such.
 * For the one connection that writes, where a commit need not be on the disk. Any thread. */
const char *sqlite_wal_vfs(void);

#endif
