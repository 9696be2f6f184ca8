// Values of facts, timed; benchmarks/edit_values.py runs this beside a lean PyTorch loop on the same rows.
//
// usage: benchmark_edit_values MODEL fp32|bf16 FACTS FIRST COUNT SIDE_BY_SIDE THREADS ROWS LAYER STEPS CLAMP
// RELATIVE_LR DECAY rome|memit
//
// ROWS receives what was optimised, as token ids: {"facts": [{"rows": [{"ids", "subject_last", "targets"}],
// "kl_row"}]}.

#include "base/json.h"
#include "edit/facts/edit_prompt.h"
#include "edit/facts/facts.h"
#include "edit/values/value.h"
#include "model/gemm.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>

namespace {

using namespace nepenthe;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

Json as_json(const edit::EditRow& row) {
    return {{"ids", row.ids}, {"subject_last", row.subject_last}, {"targets", row.targets}};
}

// The machine's rate at one large product of the compute dtype, in GFLOP/s.
double product_rate(at::ScalarType dtype) {
    const at::Tensor a = at::randn({1024, 1024}).to(dtype), b = at::randn({1024, 1024}).to(dtype);
    double fastest = 1e9;
    for (int i = 0; i < 20; ++i) {
        const auto start = Clock::now();
        model::matrix_product(a, b);
        fastest = std::min(fastest, seconds_since(start));
    }
    return 2e-9 * 1024 * 1024 * 1024 / fastest;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 15) {
        std::fprintf(stderr,
                     "usage: %s MODEL fp32|bf16 FACTS FIRST COUNT SIDE_BY_SIDE THREADS ROWS LAYER STEPS CLAMP "
                     "RELATIVE_LR DECAY rome|memit\n",
                     argv[0]);
        return 64;
    }
    const bool exact = std::string(argv[2]) == "fp32", rome = std::string(argv[14]) == "rome";
    at::set_num_threads(std::stoi(argv[7]));
    const auto tokenizer = text::Tokenizer::load(argv[1]);
    const auto decoder = model::Decoder::load(argv[1], exact ? model::Compute::kFloat32 : model::Compute::kBFloat16);
    const auto prefixes =
        edit::make_prefixes(decoder, tokenizer, rome ? edit::rome_prefixes() : edit::memit_prefixes());
    const std::int64_t first = std::stol(argv[4]), count = std::stol(argv[5]), side_by_side = std::stol(argv[6]);
    edit::FactOptions reading;
    reading.limit = first + count;
    const auto facts = edit::read_facts(argv[3], reading).facts;
    std::vector<edit::ValueProblem> problems;
    Json rows = Json::array();
    for (auto fact = facts.begin() + first; fact != facts.end(); ++fact) {
        edit::ValueProblem problem;
        Json of_fact = {{"rows", Json::array()}};
        for (const std::string& prefix : prefixes) {
            problem.rows.push_back(edit::make_row(tokenizer, prefix, fact->prompt, fact->subject, fact->target_new,
                                                  decoder.config().max_positions));
            of_fact["rows"].push_back(as_json(problem.rows.back()));
        }
        problem.kl_row = edit::make_row(tokenizer, "", "{} is a", fact->subject, "", decoder.config().max_positions);
        of_fact["kl_row"] = as_json(problem.kl_row);
        rows.push_back(of_fact);
        problems.push_back(std::move(problem));
    }
    std::ofstream(argv[8]) << Json{{"facts", rows}};

    edit::ValueOptions options;
    options.site = rome ? edit::ValueSite::kMlpOutput : edit::ValueSite::kBlockOutput;
    options.layer = std::stol(argv[9]);
    options.steps = std::stol(argv[10]);
    options.clamp = std::stod(argv[11]);
    options.relative_lr = std::stod(argv[12]);
    options.decay = std::stod(argv[13]);
    Json values = Json::array();
    const double rate = product_rate(exact ? at::kFloat : at::kBFloat16);
    const auto start = Clock::now();
    for (std::size_t from = 0; from < problems.size(); from += static_cast<std::size_t>(side_by_side)) {
        const std::size_t many = std::min(problems.size() - from, static_cast<std::size_t>(side_by_side));
        const auto block_start = Clock::now();
        for (const edit::FactValue& value : edit::optimise_values(decoder, {&problems[from], many}, options)) {
            values.push_back({{"nll", value.nll},
                              {"kl", value.kl},
                              {"decay", value.decay},
                              {"steps", value.steps},
                              {"clamped", value.clamped},
                              {"norm", value.delta.norm().item<double>()},
                              {"initial", value.initial.norm().item<double>()},
                              {"first_nll", value.first_nll},
                              {"seconds", seconds_since(block_start) / static_cast<double>(many)}});
        }
    }
    std::printf("%s\n", Json{{"seconds", seconds_since(start)},
                             {"gflops", std::max(rate, product_rate(exact ? at::kFloat : at::kBFloat16))},
                             {"values", values}}
                            .dump()
                            .c_str());
    return 0;
}
