#pragma once
// NEPENTHE_* variables as a whole: what each means for the verb that reads it is in pipelines/options.h.

#include "dist/comm.h"

namespace nepenthe::pipelines {

// Throws Error(kUsage) for variables that nothing reads, with the nearest name of one that something does: options of
// all verbs, NEPENTHE_FAULT, NEPENTHE_KERNELS, and the variables of the scripts. Names that begin with NEPENTHE_TEST_
// are free. Likewise for a SOURCE_DATE_EPOCH that is no time and a NEPENTHE_KERNELS that names no path
// (kernels/dispatch.h).
void check_environment(const dist::Comm& comm);

}  // namespace nepenthe::pipelines
