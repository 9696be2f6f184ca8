#pragma once
// Named entities, recognised by spaCy in a Python process beside this one (entities.py, which the program carries).

#include "io/line_process.h"
#include "unlearn/finding/text_counts.h"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace nepenthe::unlearn {

class EntityReader {
  public:
    // Starts `python`. Throws Error(kUsage) that says what to install where it has no spaCy or no English model, or
    // where it cannot be started.
    explicit EntityReader(std::string python);

    const std::string& model() const { return model_; }  // "en_core_web_sm by spaCy 3.8.7"
    // Entities as "LABEL<tab>text" with their counts. A process that dies or takes longer than ten minutes is started
    // again, twice for a passage; throws Error(kInternal) with its last words then.
    TextCounts read(std::string_view passage);

  private:
    void start();

    std::string python_, model_;
    std::unique_ptr<io::LineProcess> process_;
};

// The kind (kTermKinds) that a label of spaCy's stands for.
std::string_view kind_of_label(std::string_view label);

}  // namespace nepenthe::unlearn
