#include "text/jinja/printing.h"

#include "text/jinja/characters.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace nepenthe::text::jinja {

namespace {

void append_repr(std::string& out, const Value& value, Budget& budget);

void append_text_repr(std::string& out, std::string_view text) {
    const char quote = text.find('\'') != text.npos && text.find('"') == text.npos ? '"' : '\'';
    out += quote;
    for (const char32_t c : code_points(text)) {
        if (c == U'\\' || c == static_cast<char32_t>(quote)) {
            out += '\\';
            append_utf8(out, c);
        } else if (c == U'\n') {
            out += "\\n";
        } else if (c == U'\r') {
            out += "\\r";
        } else if (c == U'\t') {
            out += "\\t";
        } else if (is_printable(c)) {
            append_utf8(out, c);
        } else if (c < 0x100) {
            out += fmt::format("\\x{:02x}", static_cast<unsigned>(c));
        } else if (c < 0x10000) {
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
            out += fmt::format("\\U{:08x}", static_cast<unsigned>(c));
        }
    }
    out += quote;
}

void append_items(std::string& out, const Values& items, std::string_view open, std::string_view close,
                  Budget& budget) {
    out += open;
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (i) out += ", ";
        append_repr(out, items[i], budget);
    }
    out += close;
}

void append_sequence_repr(std::string& out, const Sequence& sequence, Budget& budget) {
    const Values& items = *sequence.items;
    switch (sequence.kind) {
        case SequenceKind::kList: return append_items(out, items, "[", "]", budget);
        case SequenceKind::kTuple: return append_items(out, items, "(", items.size() == 1 ? ",)" : ")", budget);
        case SequenceKind::kKeys: return append_items(out, items, "dict_keys([", "])", budget);
        case SequenceKind::kValues: return append_items(out, items, "dict_values([", "])", budget);
        case SequenceKind::kItems: return append_items(out, items, "dict_items([", "])", budget);
        case SequenceKind::kRange: fail(ErrorKind::kData, "a range as text is not supported");
    }
}

void append_repr(std::string& out, const Value& value, Budget& budget) {
    const std::size_t before = out.size();
    if (value.is<Undefined>()) {
        out += "Undefined";
    } else if (value.is<None>()) {
        out += "None";
    } else if (const auto* flag = value.as<bool>()) {
        out += *flag ? "True" : "False";
    } else if (const auto* whole = value.as<std::int64_t>()) {
        out += std::to_string(*whole);
    } else if (const auto* real = value.as<double>()) {
        out += float_repr(*real);
    } else if (const auto* text = value.as<Text>()) {
        if (text->safe) out += "Markup(";
        append_text_repr(out, *text->bytes);
        if (text->safe) out += ')';
    } else if (const auto* items = value.as<Sequence>()) {
        append_sequence_repr(out, *items, budget);
    } else if (const auto* entries = value.as<Dict>()) {
        out += '{';
        for (std::size_t i = 0; i < entries->entries->size(); ++i) {
            if (i) out += ", ";
            append_repr(out, (*entries->entries)[i].first, budget);
            out += ": ";
            append_repr(out, (*entries->entries)[i].second, budget);
        }
        out += '}';
    } else {
        fail(ErrorKind::kData, "a {} as text is not supported", type_name(value));
    }
    budget.spend_bytes(out.size() - before);
}

class JsonWriter {
  public:
    JsonWriter(const JsonFormat& format, Budget& budget) : format_(format), budget_(budget) {}

    std::string write(const Value& value) {
        append(value, 0);
        return std::move(out_);
    }

  private:
    void append(const Value& value, int level) {
        const std::size_t before = out_.size();
        if (value.is<None>()) {
            out_ += "null";
        } else if (const auto* flag = value.as<bool>()) {
            out_ += *flag ? "true" : "false";
        } else if (const auto* whole = value.as<std::int64_t>()) {
            out_ += std::to_string(*whole);
        } else if (const auto* real = value.as<double>()) {
            append_number(*real);
        } else if (const std::string* text = text_if(value)) {
            append_text(*text);
        } else if (const auto* items = value.as<Sequence>(); items && items->kind <= SequenceKind::kTuple) {
            append_items(*items->items, level);
        } else if (const auto* entries = value.as<Dict>()) {
            append_entries(*entries->entries, level);
        } else {
            fail(ErrorKind::kData, "Object of type {} is not JSON serializable", type_name(value));
        }
        budget_.spend_bytes(out_.size() - before);
    }

    void append_number(double number) {
        if (std::isnan(number)) {
            out_ += "NaN";
        } else if (std::isinf(number)) {
            out_ += number < 0 ? "-Infinity" : "Infinity";
        } else {
            out_ += float_repr(number);
        }
    }

    void append_text(std::string_view text) {
        out_ += '"';
        for (const char32_t c : code_points(text)) {
            switch (c) {
                case U'"': out_ += "\\\""; break;
                case U'\\': out_ += "\\\\"; break;
                case U'\n': out_ += "\\n"; break;
                case U'\r': out_ += "\\r"; break;
                case U'\t': out_ += "\\t"; break;
                case U'\f': out_ += "\\f"; break;
                case U'\b': out_ += "\\b"; break;
                default: append_character(c);
            }
        }
        out_ += '"';
    }

    void append_character(char32_t c) {
        const auto code = static_cast<unsigned>(c);
        if (c >= 0x20 && (c < 0x7f || !format_.ascii)) {
            append_utf8(out_, c);
        } else if (c < 0x10000) {
            out_ += fmt::format("\\u{:04x}", code);
        } else {
            out_ += fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + ((code - 0x10000) >> 10), 0xdc00 + (code & 0x3ff));
        }
    }

    void new_line(int level) {
        if (!format_.lines) return;
        out_ += '\n';
        for (int i = 0; i < level; ++i) out_ += format_.indent;
    }

    void append_items(const Values& items, int level) {
        if (items.empty()) {
            out_ += "[]";
            return;
        }
        out_ += '[';
        for (std::size_t i = 0; i < items.size(); ++i) {
            if (i) out_ += format_.item_separator;
            new_line(level + 1);
            append(items[i], level + 1);
        }
        new_line(level);
        out_ += ']';
    }

    void append_entries(Entries entries, int level) {
        if (entries.empty()) {
            out_ += "{}";
            return;
        }
        if (format_.sort_keys) {
            std::ranges::stable_sort(
                entries, [&](const auto& left, const auto& right) { return less(left.first, right.first, budget_); });
        }
        out_ += '{';
        for (std::size_t i = 0; i < entries.size(); ++i) {
            if (i) out_ += format_.item_separator;
            new_line(level + 1);
            append_key(entries[i].first);
            out_ += format_.key_separator;
            append(entries[i].second, level + 1);
        }
        new_line(level);
        out_ += '}';
    }

    void append_key(const Value& key) {
        if (const std::string* text = text_if(key)) return append_text(*text);
        if (key.is<Sequence>()) fail(ErrorKind::kData, "keys must be str, int, float, bool or None, not tuple");
        out_ += '"';
        append(key, 0);
        out_ += '"';
    }

    const JsonFormat& format_;
    Budget& budget_;
    std::string out_;
};

}  // namespace

std::string float_repr(double number) {
    if (std::isnan(number)) return "nan";
    if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
    char buffer[64];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::scientific).ptr;
    const std::string shortest(buffer, end);
    const std::size_t e = shortest.find('e');
    const int exponent = std::stoi(shortest.substr(e + 1));
    if (exponent < -4 || exponent >= 16) return shortest;
    const auto fixed_end = std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::fixed).ptr;
    std::string fixed(buffer, fixed_end);
    if (fixed.find('.') == fixed.npos) fixed += ".0";
    return fixed;
}

std::string str(const Value& value, Budget& budget) {
    if (const std::string* text = text_if(value)) {
        budget.spend_bytes(text->size());
        return *text;
    }
    if (value.is<Undefined>()) return "";
    return repr(value, budget);
}

std::string repr(const Value& value, Budget& budget) {
    std::string out;
    append_repr(out, value, budget);
    return out;
}

std::string json_dumps(const Value& value, const JsonFormat& format, Budget& budget) {
    return JsonWriter(format, budget).write(value);
}

std::string html_escaped(std::string_view text) {
    std::string result;
    for (const char c : text) {
        switch (c) {
            case '&': result += "&amp;"; break;
            case '<': result += "&lt;"; break;
            case '>': result += "&gt;"; break;
            case '\'': result += "&#39;"; break;
            case '"': result += "&#34;"; break;
            default: result += c;
        }
    }
    return result;
}

}  // namespace nepenthe::text::jinja
