/*
 * reason.h — the phrase beside a status (RFC 9110 §15).
 */
#ifndef HTTP_REASON_H
#define HTTP_REASON_H

const char *http_reason(int status); /* "Status" for one we never send */

#endif
