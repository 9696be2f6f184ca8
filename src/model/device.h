#pragma once
// Devices beside the host. libtorch's CUDA half is a library of its own that takes a quarter of a second to load, so it
// is loaded by the process that asks for a device, and by no other.

#include <c10/core/Device.h>

namespace nepenthe::model {

// The CUDA devices that this process may use; 0 also where libtorch has no CUDA half or there is no driver. Ask before
// anything else asks libtorch about CUDA: it remembers the first answer.
int visible_devices();

// The device `index` < visible_devices(), made the current one: whatever allocates without naming a device, libraries
// included, would otherwise make a context on the first one.
at::Device make_current(int index);

}  // namespace nepenthe::model
