#pragma once
// What stands behind a Comm, for the sources of dist and store that call MPI themselves.

#include "dist/activity.h"
#include "dist/comm.h"

#include <mpi.h>

#include <memory>

namespace nepenthe::dist {

struct Comm::Impl {
    // Takes over `handle`, a communicator that nobody else frees.
    Impl(MPI_Comm handle, std::shared_ptr<Activity> activity);
    ~Impl();
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    MPI_Comm handle;
    int rank = 0;
    int size = 1;
    std::shared_ptr<Activity> activity;
};

// Throws Error(kInternal) "CALL failed: MPI's text" unless `code` is MPI_SUCCESS; out of memory is Error(kDoesNotFit).
void check_mpi(int code, const char* call);

// Not collective. From here on this process, should the job fail, ends without MPI_Finalize: for a library that has
// work left there which it cannot do any more.
void leave_mpi_open();
bool mpi_is_left_open();

// Collective. A further duplicate, whose messages never mix with those of `comm`.
Comm duplicate(const Comm& comm);

// Sleeps a little longer each time, up to 2 ms: for loops that poll while other processes need the cores.
class PollPause {
  public:
    void operator()();

  private:
    int microseconds_ = 20;
};

}  // namespace nepenthe::dist
