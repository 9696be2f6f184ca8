#pragma once
// What `forget` measures between steps: probabilities on the user's two prompt files, and how much of what the model
// says by itself is repetition.

#include "base/error.h"
#include "dist/comm.h"
#include "pipelines/curves.h"
#include "text/tokenizer.h"
#include "unlearn/forget.h"

#include <filesystem>
#include <map>
#include <string>

namespace nepenthe::pipelines {

struct ForgetWatch {
    std::filesystem::path familiarity_prompts, neighbour_prompts, completion_prompts;  // as `evaluate` reads them

    // Adds what does not go together, these files and the budgets.
    void check(const unlearn::ForgetOptions& forget, Problems& problems) const;
    // Digests of the files by role, for the artefact's key.
    std::map<std::string, std::string> inputs() const;
    // Nothing where there are no prompts. What is measured goes into `curves`, too. `comm` and `tokenizer` must outlive
    // it.
    unlearn::ForgetMeasure measure(const dist::Comm& comm, const text::Tokenizer& tokenizer,
                                   const Curves& curves) const;

  private:
    bool wanted() const { return !familiarity_prompts.empty(); }
};

}  // namespace nepenthe::pipelines
