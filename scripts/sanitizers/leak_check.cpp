// Linked in where the address sanitizer is, so that leaks of Open MPI's components can be told from ours: these stay
// loaded, and leaks are looked for before MPI_Finalize. Otherwise their frames have lost their names by then.

#include <mpi.h>
#include <sanitizer/lsan_interface.h>

extern "C" int MPI_Finalize() {
    __lsan_do_leak_check();  // the one at exit is then left out
    return PMPI_Finalize();
}

extern "C" int dlclose(void*) noexcept { return 0; }
