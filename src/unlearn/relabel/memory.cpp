#include "unlearn/relabel/memory.h"

#include <fstream>
#include <limits>
#include <string>

namespace nepenthe::unlearn {

std::uint64_t available_memory() {
    std::ifstream meminfo("/proc/meminfo");
    std::string name, unit;
    for (std::uint64_t kibibytes = 0; meminfo >> name >> kibibytes; std::getline(meminfo, unit)) {
        if (name == "MemAvailable:") return kibibytes * 1024;
    }
    return std::numeric_limits<std::uint64_t>::max();
}

}  // namespace nepenthe::unlearn
