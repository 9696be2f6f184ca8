#include "model/score.h"
#include "base/json_text.h"
#include "base/tree_sum.h"
#include "io/text.h"
#include "pipelines/verb.h"
#include "store/blocks.h"

#include <cmath>
#include <cstring>

namespace nepenthe::pipelines {

Answer run_score(const dist::Comm& comm, const Arguments& arguments) {
    CommonOptions common;
    std::filesystem::path folder, file;
    std::int64_t characters = 0;
    model::WindowOptions windows;
    Options options("score", "negative log-likelihood (natural log) and perplexity of a text, in sliding windows",
                    "nepenthe score --model gemma-3-270m --file book.txt --window 1024 --stride 512");
    options.add("model", folder, "Hugging Face model folder");
    options.add("file", file, "UTF-8 text");
    options.add("chars", characters, "only the first N characters; 0 = all", 0);
    options.add("window", windows.window, "tokens a window; 0 = the model's maximum, at most 2048", 0);
    options.add("stride", windows.stride, "tokens a window advances; 0 = half of it", 0);
    common.declare(options);
    options.require("model");
    options.require("file");
    options.parse(arguments);
    common.apply(comm);

    std::string text = io::read_text(file);
    if (characters > 0) text.resize(io::bytes_of_code_points(text, static_cast<std::size_t>(characters)));
    const auto decoder = model::Decoder::load(folder, common.compute(), common.torch_device(comm));
    const auto tokenizer = load_tokenizer(folder, decoder.config());
    if (windows.window == 0) windows.window = std::min<std::int64_t>(decoder.config().max_positions, 2048);
    const auto ids = tokenizer.encode_ids(text, /*add_special_tokens=*/true);
    if (ids.size() < 2) {
        fail(ErrorKind::kData,
             "{}: {} token{} with this tokenizer, and nothing predicts a text's first token; a score takes two",
             file.string(), ids.size(), ids.size() == 1 ? "" : "s");
    }
    const auto requests = model::sliding_windows(ids, windows);

    // One window a block: its result cannot depend on which rank computes it.
    store::BlockOptions blocks;
    blocks.label = "score";
    blocks.unit = "windows";
    const auto results = store::for_each_block(comm, {}, requests.size(), blocks, [&](std::uint64_t block) {
        const auto scored = model::score_sequences(decoder, {&requests[block], 1});
        std::string bytes(sizeof(double), '\0');
        std::memcpy(bytes.data(), &scored[0].log_likelihood, sizeof(double));
        return bytes;
    });
    std::vector<double> sums(requests.size());
    std::int64_t tokens = 0;
    for (std::uint64_t block = 0; block < requests.size(); ++block) {
        std::memcpy(&sums[block], results.read(block).data(), sizeof(double));
        tokens += static_cast<std::int64_t>(requests[block].ids.size() - requests[block].first);
    }
    const double nll = -tree_sum(sums);
    const double perplexity = std::exp(nll / static_cast<double>(tokens));
    Answer answer;
    if (!std::isfinite(nll)) {
        fail(ErrorKind::kData,
             "the likelihood is not a finite number: the model's activations overflow, check its weights and dtype");
    }
    answer.json = {{"tokens", tokens},
                   {"nll_sum", nll},
                   {"perplexity", finite_or_null(perplexity)},
                   {"window", windows.window},
                   {"stride", windows.stride > 0 ? windows.stride : windows.window / 2}};
    if (!std::isfinite(perplexity)) answer.json["reason"] = "the perplexity is larger than any double";
    answer.text = fmt::format("tokens      {}\nNLL         {:.4f} nats ({:.4f} a token)\nperplexity  {:.4f}\n", tokens,
                              nll, nll / static_cast<double>(tokens), perplexity);
    return answer;
}

}  // namespace nepenthe::pipelines
