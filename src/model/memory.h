#pragma once
// How the process handles the memory of tensors.

namespace nepenthe::model {

// Keeps memory of freed tensors in the process instead of handing it back to the kernel, which would clear every page
// again at the next step (a fifth of the time of a forward pass). Call once, before the first tensor; without glibc it
// does nothing. Tensors above 32 MiB still go back.
void keep_freed_memory();

}  // namespace nepenthe::model
