#pragma once
// `edit` by methods that leave the model's own weights alone: WISE puts a side memory beside them, IKE tells the facts
// in the prompt. Each has its own options (edit --method wise --help).

#include "pipelines/verb.h"

namespace nepenthe::pipelines {

// Both collective.
Answer run_edit_wise(const dist::Comm& comm, const Arguments& arguments);
Answer run_edit_ike(const dist::Comm& comm, const Arguments& arguments);
// Both collective: the keys of what they publish.
store::ArtefactKey edit_wise_key(const dist::Comm& comm, const Arguments& arguments);
store::ArtefactKey edit_ike_key(const dist::Comm& comm, const Arguments& arguments);

}  // namespace nepenthe::pipelines
