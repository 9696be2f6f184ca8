// How deep a model has forgotten: whether a model that knows an answer still gives it with this model's states in the
// place of its own, layer by layer, beside a retrained model's (unlearning depth score, arXiv 2605.24614). specs:
// objectives.md §7.

#include "base/error.h"
#include "base/hash.h"
#include "evaluate/depth_reference.h"
#include "evaluate/task.h"
#include "evaluate/unlearning_depth.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace nepenthe::evaluate {

namespace {

Json or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

class DepthTask : public Task {
  public:
    explicit DepthTask(const TaskInput& input) : reference_(input.options.depth_reference) {
        if (reference_ == nullptr) {
            fail(ErrorKind::kUsage, "depth needs the model that knows and the retrained one (--knowing, --retrained)");
        }
        check_same_shape(reference_->knowing().config(), input.config, "this one");
        check_same_tokens(reference_->probes(), encode_probes(input, "depth"), "this model");
    }

    std::int64_t items() const override { return static_cast<std::int64_t>(probes().size()); }
    std::int64_t items_per_block() const override { return 8; }
    double cost(std::int64_t item) const override {
        // Two passes over the whole, and half as many as there are layers over the answer.
        const EncodedPair& pair = probes()[static_cast<std::size_t>(item)].pair;
        return 2 * static_cast<double>(pair.ids.size()) +
               static_cast<double>(pair.ids.size() - pair.context) *
                   static_cast<double>(reference_->knowing().config().layers) / 2;
    }

    std::vector<Json> run(const model::Decoder& decoder, std::int64_t begin, std::int64_t end) const override {
        std::vector<Json> rows;
        for (auto i = static_cast<std::size_t>(begin); std::cmp_less(i, end); ++i) {
            rows.push_back(row(i, depth_drops(reference_->knowing(), probes()[i], decoder)));
        }
        return rows;
    }

    std::vector<std::string> metrics() const override {
        return {"unlearning_depth", "unlearning_depth_published", "knowledge_items"};
    }
    std::vector<std::string> layer_metrics() const override {
        return {"depth_drop_retrained", "depth_drop", "depth_gone"};
    }
    std::vector<LeftOut> left_out() const override { return reference_->probes().left_out; }

    std::string digest() const override {
        Json drops = Json::array();
        for (const auto& of_item : reference_->drops()) drops.push_back({of_item.by_layer, of_item.last_as_published});
        return sha256_hex(canonical_json({reference_->id(), reference_->probes().digest(), drops}));
    }

  private:
    const std::vector<Probe>& probes() const { return reference_->probes().list; }

    Json row(std::size_t index, const DepthReference::Drops& own) const {
        const DepthReference::Drops& retrained = reference_->drops()[index];
        auto published = std::pair{retrained.by_layer, own.by_layer};
        published.first.back() = retrained.last_as_published;
        published.second.back() = own.last_as_published;
        Json gone = Json::array();
        for (std::size_t layer = 0; layer < own.by_layer.size(); ++layer) {
            gone.push_back(or_null(share_gone(retrained.by_layer[layer], own.by_layer[layer])));
        }
        const auto depth = unlearning_depth(retrained.by_layer, own.by_layer);
        Json row = probe_row(index, probes()[index]);
        row.update({{"against", reference_->id()},
                    {"known_log_probability", own.clean},
                    {"unlearning_depth", or_null(depth)},
                    {"unlearning_depth_published", or_null(unlearning_depth(published.first, published.second))},
                    {"knowledge_items", depth ? 1 : 0},
                    {"depth_drop_retrained", retrained.by_layer},
                    {"depth_drop", own.by_layer},
                    {"depth_gone", gone},
                    {"last_drop_published", {retrained.last_as_published, own.last_as_published}}});
        return row;
    }

    std::shared_ptr<const DepthReference> reference_;
};

}  // namespace

std::unique_ptr<Task> make_depth_task(const std::string&, const TaskInput& input) {
    return std::make_unique<DepthTask>(input);
}

}  // namespace nepenthe::evaluate
