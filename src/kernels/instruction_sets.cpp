#include "kernels/instruction_sets.h"

namespace nepenthe::kernels {

namespace {

// Few enough features to be known to every compiler; no processor has these and lacks the others of its level.
InstructionSet best_of_processor() {
#ifdef __x86_64__
    const bool level3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                        __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    const bool level4 = level3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512vl");
    if (level4) return InstructionSet::kX86Level4;
    if (level3) return InstructionSet::kX86Level3;
#endif
    return InstructionSet::kBaseline;
}

}  // namespace

InstructionSet instruction_set(Path path) {
    static const InstructionSet best = best_of_processor();
    return path == Path::kNative ? best : InstructionSet::kBaseline;
}

}  // namespace nepenthe::kernels
