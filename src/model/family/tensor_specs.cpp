#include "model/family/families.h"

#include <algorithm>

namespace nepenthe::model {

namespace {

using enum Role;
using Shape = std::vector<std::int64_t>;

// The shape of a tensor, empty where a model of this configuration has none of this role.
class Shapes {
  public:
    explicit Shapes(const DecoderConfig& config)
        : config_(config), queries_(config.heads * config.head_dim), keys_(config.kv_heads * config.head_dim) {}

    Shape of(Role role) const {
        const DecoderConfig& c = config_;
        const bool pre = c.norm_place != NormPlace::kPost, post = norms_output(c.norm_place);
        switch (role) {
            case kEmbedding: return {c.vocabulary, c.hidden};
            case kEmbeddingNorm: return norm_weight(c.embedding_norm);
            case kEmbeddingNormBias: return norm_bias(c.embedding_norm);
            case kPositions:
                return only_if(c.positions == Positions::kLearned, {c.max_positions + c.position_offset, c.hidden});
            case kFinalNorm: return norm_weight(c.final_norm);
            case kFinalNormBias: return norm_bias(c.final_norm);
            case kHead: return only_if(!c.tied, {c.vocabulary, c.hidden});
            case kHeadBias: return only_if(c.head_bias, {c.vocabulary});
            case kAttentionNorm: return norm_weight(pre);
            case kAttentionNormBias: return norm_bias(pre);
            case kAttentionPostNorm:
            case kMlpPostNorm: return norm_weight(post);
            case kMlpNorm: return norm_weight(pre && c.residual != Residual::kParallelOneNorm);
            case kMlpNormBias: return norm_bias(pre && c.residual != Residual::kParallelOneNorm);
            default: return attention(role);
        }
    }

  private:
    static Shape only_if(bool condition, Shape shape) { return condition ? shape : Shape{}; }

    Shape attention(Role role) const {
        const DecoderConfig& c = config_;
        const bool separate = c.qkv == QkvLayout::kSeparate;
        switch (role) {
            case kQuery: return only_if(separate, {queries_, c.hidden});
            case kQueryBias: return only_if(separate && c.qkv_bias, {queries_});
            case kKey:
            case kValue: return only_if(separate, {keys_, c.hidden});
            case kKeyBias:
            case kValueBias: return only_if(separate && c.qkv_bias, {keys_});
            case kQkv: return only_if(!separate, {queries_ + 2 * keys_, c.hidden});
            case kQkvBias: return only_if(!separate && c.qkv_bias, {queries_ + 2 * keys_});
            case kQueryNorm: return head_norm(c.heads);
            case kKeyNorm: return head_norm(c.kv_heads);
            case kQueryNormBias:
            case kKeyNormBias: return only_if(c.qk_norm != PerHeadNorm::kNone && c.qk_norm_bias, {c.head_dim});
            case kAttentionOutput: return {c.hidden, queries_};
            case kAttentionOutputBias: return only_if(c.attention_output_bias, {c.hidden});
            default: return mlp(role);
        }
    }

    Shape mlp(Role role) const {
        const DecoderConfig& c = config_;
        const bool gated = c.mlp == MlpKind::kGated, fused = gated && c.fused_gate_up;
        switch (role) {
            case kGate: return only_if(gated && !fused, {c.intermediate, c.hidden});
            case kGateBias: return only_if(gated && !fused && c.mlp_bias, {c.intermediate});
            case kUp: return only_if(!fused, {c.intermediate, c.hidden});
            case kUpBias: return only_if(!fused && c.mlp_bias, {c.intermediate});
            case kGateUp: return only_if(fused, {2 * c.intermediate, c.hidden});
            case kActivationPositive:
            case kActivationNegative: return only_if(c.activation == Activation::kXielu, {1});
            case kDown: return {c.hidden, c.intermediate};
            case kDownBias: return only_if(c.mlp_bias, {c.hidden});
            default: return {};
        }
    }

    Shape norm_weight(bool exists) const { return only_if(exists && config_.norm_weight, {config_.hidden}); }
    Shape norm_bias(bool exists) const {
        return only_if(exists && config_.norm_weight && config_.norm_bias && is_layer_norm(config_.norm),
                       {config_.hidden});
    }
    Shape head_norm(std::int64_t heads) const {
        switch (config_.qk_norm) {
            case PerHeadNorm::kNone: return {};
            case PerHeadNorm::kHead: return {config_.head_dim};
            case PerHeadNorm::kEachHead: return {heads, config_.head_dim};
            case PerHeadNorm::kAllHeads: return {heads * config_.head_dim};
        }
        return {};
    }

    const DecoderConfig& config_;
    std::int64_t queries_, keys_;
};

bool is_projection(Role role) { return role == kQkv || role == kAttentionOutput || role == kUp || role == kDown; }

// Puts a number into the first hole of a name, if there is one.
void fill_hole(std::string& name, std::int64_t number) {
    if (const std::size_t hole = name.find("{}"); hole != std::string::npos) {
        name.replace(hole, 2, std::to_string(number));
    }
}

class SpecList {
  public:
    SpecList(const Family& family, const DecoderConfig& config, std::string_view prefix)
        : family_(family), config_(config), shapes_(config), prefix_(prefix) {}

    void add(const NamePattern& pattern, std::int64_t layer) {
        if (pattern.applies != nullptr && !pattern.applies(config_)) return;
        TensorSpec spec;
        spec.role = pattern.role;
        spec.layer = layer;
        const bool head = pattern.role == kHead || pattern.role == kHeadBias;
        spec.name = (head ? "" : std::string(prefix_)) + std::string(pattern.name);
        spec.shape = shapes_.of(pattern.role);
        if (spec.shape.empty()) return;
        spec.transposed = family_.transposed && is_projection(pattern.role);
        if (spec.transposed) std::swap(spec.shape.at(0), spec.shape.at(1));
        fill_hole(spec.name, layer);
        if (spec.name.find("{}") == std::string::npos) {
            specs.push_back(std::move(spec));
        } else {
            add_heads(std::move(spec));
        }
    }

    std::vector<TensorSpec> specs;

  private:
    // One tensor for each head, of what `all` describes together.
    void add_heads(TensorSpec all) {
        const std::int64_t heads = all.shape.front();
        all.shape.erase(all.shape.begin());
        for (all.head = 0; all.head < heads; ++all.head) {
            specs.push_back(all);
            fill_hole(specs.back().name, all.head);
        }
    }

    const Family& family_;
    const DecoderConfig& config_;
    Shapes shapes_;
    std::string_view prefix_;
};

}  // namespace

std::vector<TensorSpec> tensor_specs(const DecoderConfig& config) {
    return tensor_specs(config, find_family(config.family)->prefix);
}

std::vector<TensorSpec> tensor_specs(const DecoderConfig& config, std::string_view prefix) {
    const Family* family = find_family(config.family);
    NEPENTHE_CHECK(family != nullptr);
    SpecList list(*family, config, prefix);
    const auto per_layer = [](const NamePattern& pattern) { return pattern.name.find("{}") != std::string_view::npos; };
    const auto first = std::ranges::find_if(family->names, per_layer);
    const auto last = std::find_if_not(first, family->names.end(), per_layer);
    std::for_each(family->names.begin(), first, [&](const NamePattern& pattern) { list.add(pattern, -1); });
    for (std::int64_t layer = 0; layer < config.layers; ++layer) {
        std::for_each(first, last, [&](const NamePattern& pattern) { list.add(pattern, layer); });
    }
    std::for_each(last, family->names.end(), [&](const NamePattern& pattern) { list.add(pattern, -1); });
    return std::move(list.specs);
}

}  // namespace nepenthe::model
