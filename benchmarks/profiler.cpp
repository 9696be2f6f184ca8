// What a run does on its device, kernel by kernel: a library to be preloaded, since no profiler need be installed.
//
//     PROFILE_OUT=trace.json LD_PRELOAD=build/release/benchmarks/libprofiler.so nepenthe train … --device cuda
//     python3 benchmarks/kernel_times.py trace.json
//
// It records from the start until MPI_Finalize(), with libtorch's own profiler (Kineto). One rank; a few steps are
// enough, a trace holds every kernel.

#include <torch/csrc/autograd/profiler_kineto.h>

#include <cstdlib>
#include <iostream>

namespace {

using torch::profiler::impl::ActivityType;

struct Recording {
    Recording() {
        const torch::profiler::impl::ProfilerConfig config(torch::profiler::impl::ProfilerState::KINETO);
        const std::set<ActivityType> activities{ActivityType::CPU, ActivityType::CUDA};
        torch::autograd::profiler::prepareProfiler(config, activities);
        torch::autograd::profiler::enableProfiler(config, activities);
    }
};

const Recording recording;

}  // namespace

extern "C" int PMPI_Finalize();

// libtorch's own end comes after main(), when it can no longer write.
extern "C" __attribute__((visibility("default"))) int MPI_Finalize() {
    const char* path = std::getenv("PROFILE_OUT");
    torch::autograd::profiler::disableProfiler()->save(path != nullptr ? path : "trace.json");
    std::cerr << "profiler: wrote " << (path != nullptr ? path : "trace.json") << "\n";
    return PMPI_Finalize();
}
