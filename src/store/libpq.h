/*
 * libpq.h — PostgreSQL's client library, loaded when a database is first asked for: it brings
 * some twenty others, which nobody else needs.
 *
 * Its functions are called as `pq.clear(r)` for PQclear(r).
 */
#ifndef STORE_LIBPQ_H
#define STORE_LIBPQ_H

#include <libpq-fe.h>

#include "base/err.h"

#define LIBPQ_FUNCTIONS(X)                                                                        \
    X(clear) X(cmdStatus) X(cmdTuples) X(connectdbParams) X(conninfoFree) X(conninfoParse)        \
    X(consumeInput) X(enterPipelineMode) X(errorMessage) X(exitPipelineMode) X(finish) X(flush)   \
    X(freemem) X(ftype) X(getResult) X(getisnull) X(getlength) X(getvalue) X(isBusy) X(notifies)  \
    X(ntuples) X(parameterStatus) X(pipelineSync) X(resultErrorField) X(resultErrorMessage)       \
    X(resultStatus) X(sendPrepare) X(sendQuery) X(sendQueryParams) X(sendQueryPrepared)           \
    X(serverVersion) X(setNoticeReceiver) X(setnonblocking) X(socket) X(status)                   \
    X(transactionStatus)

#define LIBPQ_MEMBER(name) typeof(PQ##name) *name;
struct libpq {
    LIBPQ_FUNCTIONS(LIBPQ_MEMBER)
};
#undef LIBPQ_MEMBER

extern struct libpq pq; /* all NULL until it is loaded */

/* Loads it, once. From any thread. ERR_CONFIG: it is not installed, or too old; `f` says what to
 * install. */
enum err libpq_load(struct fail *f) MUST_CHECK;

#endif
