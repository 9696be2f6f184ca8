#pragma once
// NEPENTHE_* variables as a whole: what each means for the verb that reads it is in pipelines/options.h.

#include "dist/comm.h"

namespace nepenthe::pipelines {

// Throws Error(kUsage) for variables that nothing reads, with the nearest name of one that something does: options of
// all verbs, NEPENTHE_FAULT, and the variables of the scripts. Names that begin with NEPENTHE_TEST_ are free. Likewise
// for a SOURCE_DATE_EPOCH that is no time.
void check_environment(const dist::Comm& comm);

}  // namespace nepenthe::pipelines
