#include "model/memory.h"

#if defined(__GLIBC__) || defined(__linux__)
#include <malloc.h>
#endif

namespace nepenthe::model {

void keep_freed_memory() {
#if defined(__GLIBC__)
    constexpr int kLargestMmapThreshold = 32 << 20;  // glibc's own limit
    constexpr int kGrowBy = 64 << 20;
    constexpr int kNeverTrim = 2'000'000'000;
    mallopt(M_MMAP_THRESHOLD, kLargestMmapThreshold);
    mallopt(M_TOP_PAD, kGrowBy);
    mallopt(M_TRIM_THRESHOLD, kNeverTrim);
#endif
}

}  // namespace nepenthe::model
