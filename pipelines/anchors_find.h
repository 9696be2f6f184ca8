#pragma once
// `anchors find`: a file of terms to review, made from a corpus, and the table of it.

#include "dist/comm.h"
#include "pipelines/verb.h"
#include "unlearn/finding/find_terms.h"

#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::pipelines {

struct FindFiles {
    std::filesystem::path out;  // JSON; the table stands beside it, with the ending .md
    unlearn::FindRequest request;
};

// Collective. Reads the review that `out` may hold, finds terms, writes both files (rank 0). Throws Error(kData) where
// nothing is found and nothing was decided before.
Answer find_anchors(const dist::Comm& comm, const FindFiles& files, const std::vector<std::string>& documents,
                    std::size_t most_terms);

}  // namespace nepenthe::pipelines
