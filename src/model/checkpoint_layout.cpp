#include "model/checkpoint_layout.h"

#include "base/log.h"
#include "model/family/quantised.h"
#include "model/tensor_bytes.h"

#include <fmt/ranges.h>

#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>
#include <set>

namespace nepenthe::model {

namespace {

constexpr std::array<std::string_view, 2> kHeads = {"lm_head.weight", "embed_out.weight"};

// The name without what wrappers of modules put between its parts.
std::string without_marks(std::string_view name) {
    constexpr std::array<std::string_view, 3> kMarks = {"_orig_mod", "_fsdp_wrapped_module",
                                                        "_checkpoint_wrapped_module"};
    std::string plain;
    while (!name.empty()) {
        const std::size_t end = std::min(name.find('.'), name.size());
        const std::string_view part = name.substr(0, end);
        // DataParallel's "module" stands before all others.
        if (std::ranges::find(kMarks, part) == kMarks.end() && !(plain.empty() && part == "module")) {
            if (!plain.empty()) plain += '.';
            plain += part;
        }
        name.remove_prefix(std::min(end + 1, name.size()));
    }
    return plain;
}

// Parts of a multimodal model that see or hear; they are kept as they are.
bool is_other_modality(std::string_view name) {
    constexpr std::array<std::string_view, 5> kParts = {"vision_tower.", "vision_model.", "multi_modal_projector.",
                                                        "audio_tower.", "embed_vision."};
    if (name.starts_with("model.")) name.remove_prefix(6);
    return std::ranges::any_of(kParts, [&](std::string_view part) { return name.starts_with(part); });
}

class LayoutReader {
  public:
    LayoutReader(const DecoderConfig& config, const io::Checkpoint& checkpoint, Problems& problems)
        : config_(config), checkpoint_(checkpoint), problems_(problems) {
        for (const auto& [name, file] : checkpoint.file_of_tensor) {
            if (const std::string_view method = quantisation_of_tensor(name); !method.empty()) {
                refuse_quantised(method, "");
            }
            const auto [known, added] = stored_.emplace(without_marks(name), name);
            if (!added) problems.add("tensors \"{}\" and \"{}\" are one of the model's", known->second, name);
        }
        choose_prefixes();
    }

    CheckpointLayout read() {
        CheckpointLayout layout;
        layout.tied = config_.tied;
        const std::string head = find_head();
        if (config_.tied && !head.empty() && find(embedding_name()) != nullptr && differ(head)) {
            log_warning(
                "\"tie_word_embeddings\" of config.json ties embedding and unembedding, the file holds two different "
                "matrices (\"{}\" and \"{}\"): they are not tied; set it to false to silence this",
                *find(embedding_name()), head);
            config_.tied = layout.tied = false;
        }
        layout.specs = tensor_specs(config_, prefix_);
        for (TensorSpec& spec : layout.specs) {
            const std::string name = (is_head(spec) ? head_prefix_ : "") + spec.name;
            if (const std::string* stored = find(name)) {
                spec.name = *stored;
            } else if (spec.role == Role::kEmbedding && layout.tied && !head.empty()) {
                spec.name = head;  // one matrix, kept under the head's name alone
            } else {
                problems_.add("tensor \"{}\" [{}] is missing{}", spec.name, fmt::join(spec.shape, ", "),
                              spec.role == Role::kHead
                                  ? " (where it is the embedding, \"tie_word_embeddings\" has to be true)"
                                  : "");
            }
        }
        check_others(layout, head);
        return layout;
    }

  private:
    static bool is_head(const TensorSpec& spec) { return spec.role == Role::kHead || spec.role == Role::kHeadBias; }

    const std::string* find(const std::string& name) const {
        const auto found = stored_.find(name);
        return found == stored_.end() ? nullptr : &found->second;
    }

    // Of the prefixes that there are, the one under which the first layer's MLP is found.
    void choose_prefixes() {
        const std::string own(find_family(config_.family)->prefix), bare = own.substr(own.find('.') + 1);
        prefix_ = own;
        const std::array<std::pair<std::string, std::string>, 4> known = {
            {{own, ""}, {bare, ""}, {"language_model." + own, "language_model."}, {own + "language_model.", ""}}};
        for (const auto& [prefix, head_prefix] : known) {
            const std::vector<TensorSpec> specs = tensor_specs(config_, prefix);
            if (find(std::ranges::find(specs, Role::kDown, &TensorSpec::role)->name) == nullptr) continue;
            prefix_ = prefix;
            head_prefix_ = head_prefix;
            return;
        }
    }

    std::string embedding_name() const {
        const std::vector<TensorSpec> specs = tensor_specs(config_, prefix_);
        return std::ranges::find(specs, Role::kEmbedding, &TensorSpec::role)->name;
    }

    // The stored name of an unembedding, "" where there is none.
    std::string find_head() const {
        for (const std::string_view head : kHeads) {
            if (const std::string* stored = find(head_prefix_ + std::string(head))) return *stored;
        }
        return "";
    }

    // Whether the file's head is another matrix than its embedding. One of another shape is reported elsewhere.
    bool differ(const std::string& head) const {
        const io::TensorView &a = *checkpoint_.find(*find(embedding_name())), &b = *checkpoint_.find(head);
        if (a.shape != b.shape || !floating_type(a.dtype) || !floating_type(b.dtype)) return false;
        if (a.dtype == b.dtype) return std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) != 0;
        return !at::equal(tensor_from_bytes(a, at::kFloat), tensor_from_bytes(b, at::kFloat));
    }

    // What is stored and not the model's: buffers, a copy of the embedding, other modalities' parts.
    void check_others(CheckpointLayout& layout, const std::string& head) {
        std::set<std::string_view> wanted;
        for (const TensorSpec& spec : layout.specs) wanted.insert(spec.name);
        for (const auto& [plain, stored] : stored_) {
            if (wanted.contains(stored)) continue;
            if (is_ignored_buffer(plain)) {
                check_buffer(plain, stored);
                continue;
            }
            if (!config_.wrapper.empty() && is_other_modality(plain)) continue;
            if (!layout.tied || stored != head) {
                problems_.add("tensor \"{}\" does not belong to a {} model of this configuration", stored,
                              config_.family);
                continue;
            }
            layout.head_copy = stored;
            const std::vector<std::int64_t> expected{config_.vocabulary, config_.hidden};
            if (const auto& shape = checkpoint_.find(stored)->shape; shape != expected) {
                problems_.add("tensor \"{}\" is [{}], a tied unembedding is [{}]", stored, fmt::join(shape, ", "),
                              fmt::join(expected, ", "));
            }
        }
    }

    // Constants that some checkpoints store must be ours, but for their rounding.
    void check_buffer(const std::string& plain, const std::string& stored) {
        const std::optional<double> wanted = required_value(plain);
        const io::TensorView& view = *checkpoint_.find(stored);
        if (!wanted || !floating_type(view.dtype)) return;
        const at::Tensor values = tensor_from_bytes(view, at::kFloat);
        if (!values.sub(*wanted).abs().le(0.01 * std::abs(*wanted)).all().item<bool>()) {
            problems_.add("\"{}\" is not {}", stored, *wanted);
        }
    }

    DecoderConfig config_;
    const io::Checkpoint& checkpoint_;
    Problems& problems_;
    std::map<std::string, std::string> stored_;  // by name without marks
    std::string prefix_, head_prefix_;
};

}  // namespace

CheckpointLayout read_layout(const DecoderConfig& config, const io::Checkpoint& checkpoint, Problems& problems) {
    return LayoutReader(config, checkpoint, problems).read();
}

}  // namespace nepenthe::model
