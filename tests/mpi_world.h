#pragma once
// The communicator that mpi_main.cpp set up, for tests registered with RANKS.

#include "dist/comm.h"

namespace nepenthe::testing {
extern const dist::Comm* world;
}
