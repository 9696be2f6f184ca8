#pragma once
// Agreement on calls in which ranks wait for one another: of a library, or of a whole verb.

#include "dist/comm.h"

#include <chrono>
#include <functional>
#include <string_view>

namespace nepenthe::dist {

// Collective over the ranks that come. As run_agreed (dist/guard.h), where in `work` the
// other ranks may wait for one that failed and left it: such a rank waits for their verdict `patience` long, then
// throws its own error, which ends the job.
void run_agreed_within(const Comm& comm, std::string_view stage, std::chrono::seconds patience,
                       const std::function<void()>& work);

}  // namespace nepenthe::dist
