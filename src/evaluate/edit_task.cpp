// Edit success as tasks of evaluate(): the facts of one file, a block of them at a time.

#include "base/error.h"
#include "evaluate/edit_success.h"
#include "evaluate/fact_items.h"
#include "evaluate/task.h"

#include <utility>

namespace nepenthe::evaluate {

namespace {

class EditTask : public Task {
  public:
    EditTask(EditSuccess success, std::vector<LeftOut> left_out)
        : success_(std::move(success)), left_out_(std::move(left_out)) {}

    std::int64_t items() const override { return static_cast<std::int64_t>(success_.facts()); }
    std::int64_t items_per_block() const override { return 16; }
    double cost(std::int64_t item) const override { return success_.cost(static_cast<std::size_t>(item)); }
    std::vector<Json> run(const model::Decoder& decoder, std::int64_t begin, std::int64_t end) const override {
        return success_.rows(decoder, static_cast<std::size_t>(begin), static_cast<std::size_t>(end));
    }
    std::vector<std::string> metrics() const override { return success_.metrics(); }
    std::vector<LeftOut> left_out() const override { return left_out_; }
    std::string digest() const override { return success_.digest(); }

  private:
    EditSuccess success_;
    std::vector<LeftOut> left_out_;
};

EditMeasure measure_named(const std::string& name) {
    for (const EditMeasure measure : {EditMeasure::kCounterFact, EditMeasure::kZsre, EditMeasure::kEasyEdit}) {
        if (edit_measure_name(measure) == name) return measure;
    }
    fail(ErrorKind::kInternal, "no measure of edits is called \"{}\"", name);
}

}  // namespace

std::unique_ptr<Task> make_edit_task(const std::string& name, const TaskInput& input) {
    const EditMeasure measure = measure_named(name);
    const auto success_of = [&](std::span<const edit::Fact> facts) {
        return EditSuccess(measure, facts, input.tokenizer, input.config.max_positions);
    };
    FactItems items = read_fact_items(input.options.facts, input.options);
    leave_out_unscorable(items, input.options, [&](const edit::Fact& fact) { success_of({&fact, 1}); });
    return std::make_unique<EditTask>(success_of(items.facts), std::move(items.left_out));
}

}  // namespace nepenthe::evaluate
