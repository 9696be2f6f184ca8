#include "model/device.h"

#include "base/log.h"

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

namespace nepenthe::model {

int visible_devices() {
    // It registers its kernels with libtorch while it is loaded, and is never closed.
    static const bool loaded = [] {
        if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) != nullptr) return true;
        log_warning("libtorch's CUDA half cannot be loaded: {}", dlerror());
        return false;
    }();
    return loaded && at::hasCUDA() ? static_cast<int>(at::detail::getCUDAHooks().deviceCount()) : 0;
}

at::Device make_current(int index) {
    const at::Device device(at::kCUDA, static_cast<c10::DeviceIndex>(index));
    c10::impl::VirtualGuardImpl(at::kCUDA).setDevice(device);
    return device;
}

}  // namespace nepenthe::model
