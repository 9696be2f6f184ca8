#include "base/error.h"
#include "base/fault.h"
#include "dist/comm.h"
#include "dist/comm_impl.h"

#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <exception>
#include <utility>
#include <vector>

namespace nepenthe::dist {

namespace {

// Open MPI's shared-memory transport copies straight from another process's memory. Containers often forbid that, and
// then it prints a warning for every pair of ranks; asking beforehand costs one system call.
void avoid_forbidden_single_copy() {
    char from = 1, to = 0;
    iovec local{&to, 1}, remote{&from, 1};
    if (::process_vm_readv(::getpid(), &local, 1, &remote, 1, 0) == 1) return;
    ::setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", /*overwrite=*/0);
}

// A process that no launcher started is a world of its own. Open MPI would start a daemon beside it and calibrate every
// network's library all the same: half a second, and warnings on machines without such a network.
// Only while MPI starts: a launcher that this process starts later is to choose for itself.
class AloneWithoutNetwork {
  public:
    AloneWithoutNetwork() {
        for (const char* told : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMIX_NAMESPACE", "PMI_RANK", "PMI_SIZE",
                                 "PMI_FD", "SLURM_PROCID", "PALS_RANKID", "ALPS_APP_PE"}) {
            if (std::getenv(told) != nullptr) return;
        }
        for (const auto& [name, value] : {std::pair{"OMPI_MCA_ess_singleton_isolated", "1"}, {"OMPI_MCA_pml", "ob1"}}) {
            if (std::getenv(name) != nullptr) continue;  // the user's own wish
            ::setenv(name, value, /*overwrite=*/0);
            set_.push_back(name);
        }
    }
    AloneWithoutNetwork(const AloneWithoutNetwork&) = delete;
    AloneWithoutNetwork& operator=(const AloneWithoutNetwork&) = delete;
    ~AloneWithoutNetwork() {
        for (const char* name : set_) ::unsetenv(name);
    }

  private:
    std::vector<const char*> set_;
};

Comm start_mpi(int* argc, char*** argv) {
    int running = 0;
    MPI_Initialized(&running);
    if (running != 0) fail(ErrorKind::kInternal, "a process has one MPI session; this is the second");
    avoid_forbidden_single_copy();
    const AloneWithoutNetwork alone;
    int provided = MPI_THREAD_SINGLE;
    check_mpi(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
    if (provided < MPI_THREAD_FUNNELED) {
        fail(ErrorKind::kInternal, "this MPI library does not allow threads beside the one that calls it");
    }
    check_mpi(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    MPI_Comm world = MPI_COMM_NULL;
    check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &world), "MPI_Comm_dup");
    return Comm(std::make_shared<Comm::Impl>(world, std::make_shared<Activity>()));
}

}  // namespace

Session::Session(int* argc, char*** argv) : world_(start_mpi(argc, argv)) {}

Session::~Session() {
    if (std::uncaught_exceptions() > 0) return;
    world_ = Comm(nullptr);
    MPI_Finalize();
}

}  // namespace nepenthe::dist
