#include "pipelines/curves.h"

#include "dist/guard.h"
#include "report/event_file.h"

#include <algorithm>

namespace nepenthe::pipelines {

Curves::Curves(const dist::Comm& comm, const std::filesystem::path& outputs, const std::string& name) {
    dist::run_agreed(comm, "curves", [&] {
        if (comm.is_root()) events_ = std::make_shared<report::EventFile>(outputs / "curves" / name);
    });
}

train::StepHook Curves::of_steps(const std::vector<train::Term>& terms) const {
    return [curves = *this, terms](const train::StepReport& step) {
        curves.scalar("train/loss", step.step, step.loss);
        for (std::size_t i = 0; terms.size() > 1 && i < std::min(terms.size(), step.terms.size()); ++i) {
            curves.scalar("train/loss/" + terms[i].name, step.step, step.terms[i]);
        }
        curves.scalar("train/lr", step.step, step.lr);
        curves.scalar("train/gradient_norm", step.step, step.gradient_norm);
        curves.scalar("train/tokens_per_second", step.step, static_cast<double>(step.tokens) / step.seconds);
        return true;
    };
}

void Curves::scalar(const std::string& tag, std::int64_t step, double value) const {
    if (events_ != nullptr) events_->scalar(tag, step, value);
}

}  // namespace nepenthe::pipelines
