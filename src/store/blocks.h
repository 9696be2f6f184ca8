#pragma once
// Work cut into blocks whose ids and shapes do not depend on the number of ranks, dealt to ranks, journalled, and
// continued after a kill on however many ranks there are now.

#include "dist/comm.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace nepenthe::store {

struct BlockOptions {
    std::string label;            // for progress and errors: "relabel"
    std::string unit = "blocks";  // of the progress bar
    // A digest of what determines the results; a journal with another one is refused (Error(kUsage)).
    std::string key_digest;
    // Relative cost of every block (tokens, say), for dealing; empty = all alike.
    std::vector<double> costs;
    // Finished blocks are made durable (fsync) at most this many seconds after they are done.
    double sync_seconds = 5.0;
};

// The results of all blocks after for_each_block: each is a string of bytes, whoever computed it.
class BlockResults {
  public:
    std::uint64_t size() const;
    // Result of one block; any rank may ask for any block (parts lie on the shared file system). Checked by digest.
    std::string read(std::uint64_t block) const;

    struct Impl;
    explicit BlockResults(std::shared_ptr<const Impl> impl);

  private:
    std::shared_ptr<const Impl> impl_;
};

// Collective. Computes every block of 0 … n_blocks-1 exactly once over all ranks and returns when all are done and
// durable in `folder` (parts and journals). `compute` runs on one rank, uses no collectives, and must give the same
// bytes whatever rank runs it. Blocks already in the journal are not computed again; a torn tail is cut off.
// `folder` may be empty: then nothing is journalled, the results are gathered to every rank's memory (for small results
// of short stages). An exception in `compute` ends the stage on all ranks with one Error; a stop request ends it with
// Error(kResume).
BlockResults for_each_block(const dist::Comm& comm, const std::filesystem::path& folder, std::uint64_t n_blocks,
                            const BlockOptions& options,
                            const std::function<std::string(std::uint64_t block)>& compute);

// Deals blocks to ranks: dearest first to the least loaded rank, ties by id. Pure function; owner rank per block.
std::vector<int> deal_blocks(std::span<const double> costs, int ranks);

}  // namespace nepenthe::store
