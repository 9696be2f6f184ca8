#include "kernels/dispatch.h"

#include "base/error.h"

#include <cstdlib>

namespace nepenthe::kernels {

Path parse_path(std::string_view name) {
    if (name == "reference") return Path::kReference;
    if (name == "portable") return Path::kPortable;
    if (name == "native") return Path::kNative;
    fail(ErrorKind::kUsage, "NEPENTHE_KERNELS=\"{}\": there are reference, portable and native", name);
}

Path path_in_use() {
    static const Path path = [] {
        const char* name = std::getenv("NEPENTHE_KERNELS");
        return name == nullptr || *name == '\0' ? Path::kNative : parse_path(name);
    }();
    return path;
}

}  // namespace nepenthe::kernels
