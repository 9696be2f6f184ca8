#include "model/family/families.h"

namespace nepenthe::model {

std::string_view module_of(Role role) {
    switch (role) {
        case Role::kEmbedding: return "embedding";
        case Role::kPositions: return "positions";
        case Role::kHead:
        case Role::kHeadBias: return "head";
        case Role::kQuery:
        case Role::kQueryBias: return "q";
        case Role::kKey:
        case Role::kKeyBias: return "k";
        case Role::kValue:
        case Role::kValueBias: return "v";
        case Role::kQkv:
        case Role::kQkvBias: return "qkv";
        case Role::kAttentionOutput:
        case Role::kAttentionOutputBias: return "o";
        case Role::kGate:
        case Role::kGateBias: return "gate";
        case Role::kUp:
        case Role::kUpBias: return "up";
        case Role::kGateUp: return "gate_up";
        case Role::kDown:
        case Role::kDownBias: return "down";
        case Role::kActivationPositive:
        case Role::kActivationNegative: return "activation";
        case Role::kEmbeddingNorm:
        case Role::kEmbeddingNormBias:
        case Role::kFinalNorm:
        case Role::kFinalNormBias:
        case Role::kAttentionNorm:
        case Role::kAttentionNormBias:
        case Role::kAttentionPostNorm:
        case Role::kMlpNorm:
        case Role::kMlpNormBias:
        case Role::kMlpPostNorm:
        case Role::kQueryNorm:
        case Role::kQueryNormBias:
        case Role::kKeyNorm:
        case Role::kKeyNormBias: return "norm";
    }
    return "";
}

const std::vector<std::string>& module_names() {
    static const std::vector<std::string> names = {"embedding", "positions", "norm", "head",      "q",
                                                   "k",         "v",         "qkv",  "o",         "gate",
                                                   "up",        "gate_up",   "down", "activation"};
    return names;
}

}  // namespace nepenthe::model
