#pragma once
// Loops compiled for several instruction sets, the best of which is chosen when they run; with GCC and Clang alike.
// Everything that such a loop calls is inlined into it, so that it is compiled with it: functions of ours are
// NEPENTHE_ALWAYS_INLINE, lambdas NEPENTHE_INLINED.

#include "kernels/dispatch.h"

#include <cstdint>

#define NEPENTHE_INLINED __attribute__((always_inline))
#define NEPENTHE_ALWAYS_INLINE inline NEPENTHE_INLINED

namespace nepenthe::kernels {

enum class InstructionSet : std::uint8_t {
    kBaseline,   // what every processor of the architecture has
    kX86Level3,  // AVX2, the psABI's x86-64-v3
    kX86Level4,  // AVX-512 with its F, BW, CD, DQ and VL, x86-64-v4
};

// The best that this processor has; kBaseline unless `path` is kNative.
InstructionSet instruction_set(Path path = path_in_use());

#ifdef __x86_64__
namespace detail {

// The body comes by value: nothing else can point at what it captured, so that stores in it change none of that.
template <typename Body>
__attribute__((target("arch=x86-64-v3"), noinline)) auto run_on_level3(Body body) {
    return body();
}
template <typename Body>
__attribute__((target("arch=x86-64-v4"), noinline)) auto run_on_level4(Body body) {
    return body();
}

}  // namespace detail
#endif

// body(), compiled for instruction_set(path). `body` is a lambda [=]() NEPENTHE_INLINED { … }.
template <typename Body>
NEPENTHE_ALWAYS_INLINE auto with_instruction_set(Path path, Body body) {
#ifdef __x86_64__
    switch (instruction_set(path)) {
        case InstructionSet::kX86Level4: return detail::run_on_level4(body);
        case InstructionSet::kX86Level3: return detail::run_on_level3(body);
        case InstructionSet::kBaseline: break;
    }
#endif
    return body();
}

template <typename Body>
NEPENTHE_ALWAYS_INLINE auto with_instruction_set(Body body) {
    return with_instruction_set(path_in_use(), body);
}

}  // namespace nepenthe::kernels
