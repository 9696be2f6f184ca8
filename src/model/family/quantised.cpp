#include "model/family/quantised.h"

#include "base/error.h"

#include <algorithm>
#include <array>

namespace nepenthe::model {

namespace {

// Endings of the names under which the methods of transformers 5.23 (utils/quantization_config.py) and their packages
// store what a plain checkpoint does not have.
struct Ending {
    std::string_view ending, method;
};
constexpr std::array kEndings = {
    Ending{".SCB", "bitsandbytes"},
    Ending{".weight_format", "bitsandbytes"},
    Ending{".absmax", "bitsandbytes"},
    Ending{".quant_map", "bitsandbytes"},
    Ending{".nested_absmax", "bitsandbytes"},
    Ending{".nested_quant_map", "bitsandbytes"},
    Ending{".quant_state.bitsandbytes__nf4", "bitsandbytes"},
    Ending{".quant_state.bitsandbytes__fp4", "bitsandbytes"},
    Ending{".g_idx", "gptq"},
    Ending{".qweight", "gptq or awq"},
    Ending{".qzeros", "gptq or awq"},
    Ending{".weight_scale_inv", "fp8"},
    Ending{".weight_packed", "compressed-tensors"},
    Ending{".weight_shape", "compressed-tensors"},
    Ending{".weight_zero_point", "compressed-tensors"},
    Ending{".weight_scale", "fp8 or compressed-tensors"},
    Ending{".weight_scale_2", "nvfp4"},
    Ending{".weight_scales", "eetq"},
    Ending{"_proj_blocks", "mxfp4"},
    Ending{"_proj_scales", "mxfp4"},
    Ending{".weight_qdata", "torchao"},
    Ending{"_weight_qdata", "torchao"},
    Ending{"_weight_scale", "torchao"},
    Ending{".W_q", "hqq"},
    Ending{".weight._data", "quanto"},
    Ending{".weight._scale", "quanto"},
    Ending{".codebooks", "aqlm"},
};

// The argument by which from_pretrained undoes the method, "" where the loaded model's dequantize() does, nothing where
// the package cannot.
struct Undoing {
    std::string_view method, argument;
};
constexpr std::array kUndoing = {
    Undoing{"bitsandbytes", ""},
    Undoing{"fp8", ", quantization_config=t.FineGrainedFP8Config(dequantize=True)"},
    Undoing{"mxfp4", ", quantization_config=t.Mxfp4Config(dequantize=True)"},
    Undoing{"compressed-tensors", ", quantization_config=t.CompressedTensorsConfig(dequantize=True)"},
};

const Json* object_field(const Json& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_object() ? &*found : nullptr;
}

std::string method_named(const Json& quantisation) {
    for (const char* key : {"quant_method", "quant_algo"}) {
        if (const auto name = quantisation.find(key); name != quantisation.end() && name->is_string()) return *name;
    }
    const auto is_set = [&](const char* key) { return quantisation.value(key, Json()) == true; };
    if (is_set("load_in_8bit") || is_set("load_in_4bit")) return "bitsandbytes";
    return "by an unnamed method";
}

}  // namespace

std::string quantisation_of(const Json& config) {
    if (!config.is_object()) return "";
    for (const Json* part : {&config, object_field(config, "text_config")}) {
        if (part == nullptr) continue;
        for (const char* key : {"quantization_config", "compression_config"}) {
            if (const Json* quantisation = object_field(*part, key)) return method_named(*quantisation);
        }
    }
    return "";
}

std::string_view quantisation_of_tensor(std::string_view name) {
    const auto found =
        std::ranges::find_if(kEndings, [&](const Ending& known) { return name.ends_with(known.ending); });
    return found == kEndings.end() ? "" : found->method;
}

void refuse_quantised(std::string_view method, const std::filesystem::path& where) {
    const std::string source = where.empty() ? "SOURCE" : where.string();
    std::string help = "Take the folder that it was made from, in which the weights are bf16, fp16 or fp32";
    const auto undoing = std::ranges::find(kUndoing, method, &Undoing::method);
    if (undoing != kUndoing.end()) {
        help += fmt::format(
            ". Where there is none, the Python package transformers (with the packages of the method) writes one:\n  "
            "python3 -c \"import sys, transformers as t; source, target = sys.argv[1:3]; m = "
            "t.AutoModelForCausalLM.from_pretrained(source, dtype='bfloat16'{}); {}m.save_pretrained(target); "
            "t.AutoTokenizer.from_pretrained(source).save_pretrained(target)\" '{}' '{}-bf16'\n",
            undoing->argument, undoing->argument.empty() ? "m = m.dequantize(); " : "", source, source);
    } else {
        help += "; ";
    }
    fail(ErrorKind::kData,
         "{}{}quantised ({}), not supported. {}If the weights are plain floating point by now, take "
         "\"quantization_config\" out of config.json.",
         where.string(), where.empty() ? "" : ": ", method, help);
}

}  // namespace nepenthe::model
