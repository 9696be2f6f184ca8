#include "kernels/dispatch.h"

#include "base/error.h"

#include <cstdlib>

namespace nepenthe::kernels {

std::string_view path_name(Path path) {
    switch (path) {
        case Path::kReference: return "reference";
        case Path::kPortable: return "portable";
        case Path::kNative: return "native";
    }
    return "";
}

Path parse_path(std::string_view name) {
    for (const Path path : {Path::kReference, Path::kPortable, Path::kNative}) {
        if (name == path_name(path)) return path;
    }
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
