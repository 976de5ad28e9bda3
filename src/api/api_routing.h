/*
 * api_routing.h — the rules in force, and why a recorded request goes where it goes. Both are told by
 * who routes (struct api_options); here they are asked, and the record is found.
 */
#ifndef API_API_ROUTING_H
#define API_API_ROUTING_H

#include "api/api_job.h"

enum err routing_rules(struct api_job *job);
enum err routing_explain(struct api_job *job);

#endif
