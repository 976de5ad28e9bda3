/*
 * startup.h — what a process settles before it does anything.
 */
#ifndef CLI_STARTUP_H
#define CLI_STARTUP_H

/* Call first, with one thread. */
void startup_settle(void);

#endif
