// Writes one JSON object a line, piece by piece, without memory of its own.
//
//     JsonLine line{sink};
//     line("record", "walk")("gva", hex(gva))("level", 4U);
//     for (auto references = line.array("references"); auto const& r : all)
//         references.object()("address", hex(r.address));
//
// Scopes close themselves: each writes its bracket when it ends, and the line its newline.
#pragma once

#include <twofold/abi/text.hpp>
#include <twofold/abi/utf8.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace twofold::abi {

/// A number to be written as a string "0x...", without leading zeros.
struct Hex {
    std::uint64_t value;
};
constexpr Hex hex(std::uint64_t value) { return {value}; }
/// For Gva, Gpa, Hpa and Hva.
template <class A>
requires requires(A const address) {
    { address.value() } -> std::same_as<std::uint64_t>;
}
constexpr Hex hex(A const& address) { return {address.value()}; }

namespace json_text {

constexpr bool must_be_escaped(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

template <TextSink Sink>
constexpr void put_escaped(Sink& sink, char c) {
    auto const code = static_cast<unsigned char>(c);
    if (code < 0x20) {
        char const text[] = {
            '\\', 'u', '0', '0', code < 0x10 ? '0' : '1', "0123456789abcdef"[code & 0xf]};
        put(sink, std::string_view{text, sizeof text});
    } else {
        char const text[] = {'\\', c};
        put(sink, std::string_view{text, sizeof text});
    }
}

/// Bytes at the start of `text` that can stand in a JSON string as they are.
constexpr std::size_t plain_prefix(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size() && !must_be_escaped(text[at])) {
        std::size_t const length = utf8_sequence_length(text.substr(at));
        if (length == 0) break;
        at += length;
    }
    return at;
}

/// Whatever the bytes are, the output is a JSON string: what is not UTF-8 becomes U+FFFD.
template <TextSink Sink>
constexpr void put_value(Sink& sink, std::string_view text) {
    put(sink, "\"");
    while (!text.empty()) {
        std::size_t const plain = plain_prefix(text);
        if (plain > 0) put(sink, text.substr(0, plain));
        text.remove_prefix(plain);
        if (text.empty()) break;
        if (must_be_escaped(text.front())) {
            put_escaped(sink, text.front());
        } else {
            put(sink, "\\ufffd");
        }
        text.remove_prefix(1);
    }
    put(sink, "\"");
}

template <TextSink Sink>
constexpr void put_value(Sink& sink, std::same_as<bool> auto value) {
    put(sink, value ? "true" : "false");
}

template <TextSink Sink>
constexpr void
put_value(Sink& sink,
          std::unsigned_integral auto value) requires(!std::same_as<decltype(value), bool>) {
    put_decimal(sink, value);
}

template <TextSink Sink>
constexpr void put_value(Sink& sink, Hex number) {
    put(sink, "\"");
    put_hexadecimal(sink, number.value);
    put(sink, "\"");
}

/// What can be written as a value beside text: a bool, an unsigned number, a Hex.
template <class V>
concept Number = std::unsigned_integral<V> || std::same_as<V, Hex>;

} // namespace json_text

template <TextSink Sink>
class JsonArray;

/// An object that is being written. While a scope made by `object` or `array` lives, its parent
/// must not be written to.
template <TextSink Sink>
class JsonObject {
  public:
    constexpr explicit JsonObject(Sink& sink) : sink_(sink) { put(sink_, "{"); }
    JsonObject(JsonObject const&) = delete;
    JsonObject& operator=(JsonObject const&) = delete;
    constexpr ~JsonObject() { put(sink_, "}"); }

    /// Adds one member. Keys are not checked for being there twice.
    template <json_text::Number V>
    constexpr JsonObject& operator()(std::string_view key, V value) {
        put_key(key);
        json_text::put_value(sink_, value);
        return *this;
    }
    constexpr JsonObject& operator()(std::string_view key, std::string_view text) {
        put_key(key);
        json_text::put_value(sink_, text);
        return *this;
    }
    [[nodiscard]] constexpr JsonObject object(std::string_view key) {
        put_key(key);
        return JsonObject{sink_};
    }
    [[nodiscard]] constexpr JsonArray<Sink> array(std::string_view key) {
        put_key(key);
        return JsonArray<Sink>{sink_};
    }

  private:
    constexpr void put_key(std::string_view key) {
        if (!first_) put(sink_, ",");
        first_ = false;
        json_text::put_value(sink_, key);
        put(sink_, ":");
    }

    Sink& sink_;
    bool first_ = true;
};

/// An array that is being written; the same rule holds.
template <TextSink Sink>
class JsonArray {
  public:
    constexpr explicit JsonArray(Sink& sink) : sink_(sink) { put(sink_, "["); }
    JsonArray(JsonArray const&) = delete;
    JsonArray& operator=(JsonArray const&) = delete;
    constexpr ~JsonArray() { put(sink_, "]"); }

    /// Adds one element.
    template <json_text::Number V>
    constexpr JsonArray& operator()(V value) {
        separate();
        json_text::put_value(sink_, value);
        return *this;
    }
    constexpr JsonArray& operator()(std::string_view text) {
        separate();
        json_text::put_value(sink_, text);
        return *this;
    }
    /// Adds an element that is an object. As a temporary, `array.object()("key", value)` is whole
    /// at the end of its statement.
    constexpr JsonObject<Sink> object() {
        separate();
        return JsonObject<Sink>{sink_};
    }
    [[nodiscard]] constexpr JsonArray array() {
        separate();
        return JsonArray{sink_};
    }

  private:
    constexpr void separate() {
        if (!first_) put(sink_, ",");
        first_ = false;
    }

    Sink& sink_;
    bool first_ = true;
};

namespace json_text {

/// Ends the line after JsonObject's own end: bases are destroyed in reverse order.
template <TextSink Sink>
class LineEnd {
  public:
    constexpr explicit LineEnd(Sink& sink) : sink_(sink) {}
    LineEnd(LineEnd const&) = delete;
    LineEnd& operator=(LineEnd const&) = delete;
    constexpr ~LineEnd() { put(sink_, "\n"); }

  private:
    Sink& sink_;
};

} // namespace json_text

/// One line: an object, then a newline. `sink` must outlive it.
template <TextSink Sink>
class JsonLine : private json_text::LineEnd<Sink>, public JsonObject<Sink> {
  public:
    constexpr explicit JsonLine(Sink& sink)
        : json_text::LineEnd<Sink>(sink), JsonObject<Sink>(sink) {}
};

} // namespace twofold::abi
