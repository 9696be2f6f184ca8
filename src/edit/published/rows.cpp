#include "edit/published/rows.h"

#include "base/error.h"

#include <algorithm>

namespace nepenthe::edit {

namespace {

PublishedModel gpt2_medium() { return {"gpt2-medium", "gpt2", 24, 1024, 4096, 0}; }
PublishedModel gpt2_large() { return {"gpt2-large", "gpt2", 36, 1280, 5120, 0}; }
PublishedModel gpt2_xl() { return {"gpt2-xl", "gpt2", 48, 1600, 6400, 0}; }
PublishedModel gpt_j() { return {"gpt-j-6b", "gptj", 28, 4096, 16384, 0}; }
PublishedModel gpt_neox() { return {"gpt-neox-20b", "gpt_neox", 44, 6144, 24576, 0}; }
PublishedModel llama2() { return {"llama-2-7b", "llama", 32, 4096, 11008, 0}; }
PublishedModel llama3() { return {"llama-3-8b", "llama", 32, 4096, 14336, 8192}; }
PublishedModel llama3_1() { return {"llama-3.1-8b", "llama", 32, 4096, 14336, 131072}; }
PublishedModel llama3_2() { return {"llama-3.2-3b", "llama", 28, 3072, 8192, 0}; }
PublishedModel mistral() { return {"mistral-7b", "mistral", 32, 4096, 14336, 0}; }
PublishedModel qwen2_5() { return {"qwen2.5-7b", "qwen2", 28, 3584, 18944, 0}; }

// Repositories at the commits that were read.
std::string rome(const std::string& file) { return "github.com/kmeng01/rome 0874014 hparams/ROME/" + file; }
std::string memit(const std::string& file) { return "github.com/kmeng01/memit 80426fd hparams/" + file; }
std::string alphaedit(const std::string& file) { return "github.com/jianghoucheng/AlphaEdit d04ed2c hparams/" + file; }
std::string easyedit(const std::string& file) { return "github.com/zjunlp/EasyEdit 14cea82 hparams/" + file; }

PublishedEdit rome_row(PublishedModel model, std::int64_t layer, double clamp, std::string source) {
    PublishedEdit row;
    row.method = "rome";
    row.model = std::move(model);
    row.layers = {layer};
    row.steps = 20;
    row.lr = 0.5;
    row.clamp = clamp;
    row.decay = 0.5;
    row.kl = 0.0625;
    row.source = std::move(source);
    return row;
}

// EasyEdit's: C is the identity there (mom2_adjustment: false), prefixes begin with words.
PublishedEdit easyedit_rome(PublishedModel model, const std::string& file) {
    PublishedEdit row = rome_row(std::move(model), 5, 4, easyedit("ROME/" + file));
    row.steps = 25;
    row.decay = 1e-3;
    row.moments = row.text_start = false;
    return row;
}

struct Values {
    std::int64_t steps = 0;
    double lr = 0, clamp = 0, decay = 0;
};

PublishedEdit memit_row(PublishedModel model, std::vector<std::int64_t> layers, const Values& values, double lambda,
                        std::string source) {
    PublishedEdit row;
    row.method = "memit";
    row.model = std::move(model);
    row.layers = std::move(layers);
    row.steps = values.steps;
    row.lr = values.lr;
    row.clamp = values.clamp;
    row.decay = values.decay;
    row.kl = 0.0625;
    row.text_start = false;
    row.lambda = lambda;
    row.source = std::move(source);
    return row;
}

PublishedEdit alphaedit_row(PublishedModel model, std::vector<std::int64_t> layers, const Values& values, double l2,
                            std::string source) {
    PublishedEdit row = memit_row(std::move(model), std::move(layers), values, 0, std::move(source));
    row.method = "alphaedit";
    row.tau = 2e-2;
    row.l2 = l2;
    return row;
}

constexpr Values kOfGpt2{20, 0.5, 0.75, 0.5}, kOfGptJ{25, 0.5, 0.75, 0.5}, kOfLlama3{25, 0.1, 0.75, 0.5},
    kOfEasyEdit{25, 0.5, 4, 1e-3};

std::vector<PublishedEdit> edit_rows() {
    const std::vector<std::int64_t> of_gpt2 = {13, 14, 15, 16, 17}, of_gpt_j = {3, 4, 5, 6, 7, 8},
                                    of_others = {4, 5, 6, 7, 8};
    return {
        rome_row(gpt2_medium(), 8, 3, memit("ROME/gpt2-medium.json")),
        rome_row(gpt2_large(), 12, 4, memit("ROME/gpt2-large.json")),
        rome_row(gpt2_xl(), 17, 4, rome("gpt2-xl.json")),
        rome_row(gpt_j(), 5, 4, rome("EleutherAI_gpt-j-6B.json")),
        rome_row(gpt_neox(), 15, 4, memit("ROME/EleutherAI_gpt-neox-20b.json")),
        easyedit_rome(llama2(), "llama-7b.yaml"),
        easyedit_rome(llama3(), "llama3-8b.yaml"),
        easyedit_rome(llama3_2(), "llama3.2-3b.yaml"),
        easyedit_rome(mistral(), "mistral-7b.yaml"),
        easyedit_rome(qwen2_5(), "qwen2.5-7b.yaml"),
        memit_row(gpt2_xl(), of_gpt2, kOfGpt2, 20000, memit("MEMIT/gpt2-xl.json")),
        memit_row(gpt_j(), of_gpt_j, kOfGptJ, 15000, memit("MEMIT/EleutherAI_gpt-j-6B.json")),
        memit_row(llama2(), of_others, kOfEasyEdit, 15000, easyedit("MEMIT/llama-7b.yaml")),
        memit_row(llama3(), of_others, kOfLlama3, 15000, alphaedit("MEMIT/Llama3-8B.json")),
        memit_row(llama3_2(), of_others, kOfEasyEdit, 15000, easyedit("MEMIT/llama3.2-3b.yaml")),
        memit_row(mistral(), of_others, kOfEasyEdit, 15000, easyedit("MEMIT/mistral-7b.yaml")),
        memit_row(qwen2_5(), of_others, kOfEasyEdit, 15000, easyedit("MEMIT/qwen2.5-7b.yaml")),
        alphaedit_row(gpt2_xl(), of_gpt2, kOfGpt2, 10, alphaedit("AlphaEdit/gpt2-xl.json")),
        alphaedit_row(gpt_j(), of_gpt_j, kOfGptJ, 10, alphaedit("AlphaEdit/EleutherAI_gpt-j-6B.json")),
        alphaedit_row(llama3(), of_others, kOfLlama3, 10, alphaedit("AlphaEdit/Llama3-8B.json")),
        alphaedit_row(llama3_1(), of_others, kOfLlama3, 10, easyedit("AlphaEdit/llama3.1-8b.yaml")),
        alphaedit_row(qwen2_5(), of_others, kOfEasyEdit, 1, easyedit("AlphaEdit/qwen2.5-7b.yaml")),
    };
}

std::vector<PublishedWise> wise_rows() {
    const auto row = [](PublishedModel model, std::int64_t layer, const std::string& file) {
        return PublishedWise{std::move(model), layer, 70, 1.0, 5, 20, 10, 0.88, false, easyedit("WISE/" + file)};
    };
    PublishedWise of_gpt_j = row(gpt_j(), 21, "gpt-j-6B.yaml");
    of_gpt_j.alpha = 15, of_gpt_j.beta = 40, of_gpt_j.gamma = 20;
    PublishedWise of_llama3 = row(llama3(), 29, "llama3-8b.yaml");
    of_llama3.steps = 30, of_llama3.lr = 0.9, of_llama3.alpha = 2, of_llama3.ratio = 0.5;
    PublishedWise of_llama3_1 = row(llama3_1(), 29, "llama3.1-8b.yaml");
    of_llama3_1.steps = 30, of_llama3_1.lr = 0.9, of_llama3_1.beta = 10;
    PublishedWise of_llama3_2 = row(llama3_2(), 27, "llama3.2-3b.yaml");
    PublishedWise of_qwen2_5 = row(qwen2_5(), 23, "qwen2.5-7b.yaml");
    for (PublishedWise* chat : {&of_llama3, &of_llama3_1, &of_llama3_2, &of_qwen2_5}) chat->chat_template = true;
    return {row(llama2(), 27, "llama-7b.yaml"),
            row(mistral(), 27, "mistral-7b.yaml"),
            of_gpt_j,
            of_llama3,
            of_llama3_1,
            of_llama3_2,
            of_qwen2_5};
}

template <typename Row>
const Row& find_row(const std::vector<const Row*>& rows, const std::string& method, const model::DecoderConfig& config,
                    const std::string& name) {
    std::string known;
    for (const Row* row : rows) {
        if (name.empty() ? row->model.matches(config) : row->model.name == name) return *row;
        known += (known.empty() ? "" : ", ") + row->model.name;
    }
    if (rows.empty()) fail(ErrorKind::kUsage, "nothing is published of {}: leave --as-published out", method);
    if (!name.empty()) {
        fail(ErrorKind::kUsage, "--published-row: nothing is published of {} for \"{}\"; there are rows for {}", method,
             name, known);
    }
    fail(ErrorKind::kUsage,
         "nothing is published of {} for a {} model of {} layers of width {}; there are rows for {}: --published-row "
         "takes one of them for another model",
         method, config.family, config.layers, config.hidden, known);
}

}  // namespace

bool PublishedModel::matches(const model::DecoderConfig& config) const {
    return config.family == family && config.layers == layers && config.hidden == hidden &&
           config.intermediate == intermediate && (positions == 0 || config.max_positions == positions);
}

const std::vector<PublishedEdit>& published_edits() {
    static const std::vector<PublishedEdit> rows = edit_rows();
    return rows;
}

const std::vector<PublishedWise>& published_wise() {
    static const std::vector<PublishedWise> rows = wise_rows();
    return rows;
}

const PublishedEdit& find_published_edit(const std::string& method, const model::DecoderConfig& config,
                                         const std::string& name) {
    std::vector<const PublishedEdit*> rows;
    for (const PublishedEdit& row : published_edits()) {
        if (row.method == method) rows.push_back(&row);
    }
    return find_row(rows, method, config, name);
}

const PublishedWise& find_published_wise(const model::DecoderConfig& config, const std::string& name) {
    std::vector<const PublishedWise*> rows;
    for (const PublishedWise& row : published_wise()) rows.push_back(&row);
    return find_row(rows, "wise", config, name);
}

}  // namespace nepenthe::edit
