#pragma once
#include "kernels/vector_math.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define NEPENTHE_VECTOR_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define NEPENTHE_VECTOR_CLONES
#endif

namespace nepenthe::model {
using namespace kernels;
}
