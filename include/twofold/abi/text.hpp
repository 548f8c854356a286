// Text written piece by piece into a sink that the caller gives, without memory of its own.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace twofold::abi {

/// Takes text: callable with a std::string_view, or else with each char.
template <class S>
concept TextSink = std::invocable<S&, std::string_view> || std::invocable<S&, char>;

template <TextSink Sink>
constexpr void put(Sink& sink, std::string_view text) {
    if constexpr (std::invocable<Sink&, std::string_view>) {
        sink(text);
    } else {
        for (char const c : text)
            sink(c);
    }
}

/// Writes the digits of `value`, without leading zeros.
template <unsigned Base, TextSink Sink>
constexpr void put_digits(Sink& sink, std::uint64_t value) {
    static_assert(Base == 10 || Base == 16);
    char digits[20];
    unsigned first = sizeof digits;
    do {
        digits[--first] = "0123456789abcdef"[value % Base];
        value /= Base;
    } while (value != 0);
    put(sink, std::string_view{digits + first, sizeof digits - first});
}

template <TextSink Sink>
constexpr void put_decimal(Sink& sink, std::uint64_t value) {
    put_digits<10>(sink, value);
}

/// With "0x" before it.
template <TextSink Sink>
constexpr void put_hexadecimal(Sink& sink, std::uint64_t value) {
    put(sink, "0x");
    put_digits<16>(sink, value);
}

/// A sink of fixed size: what does not fit any more is dropped.
template <std::size_t Capacity>
class TextBuffer {
  public:
    /// Only what text() shows is ever given a value.
    constexpr TextBuffer() {} // NOLINT(modernize-use-equals-default): that would want one

    constexpr void operator()(std::string_view text) {
        std::size_t const kept = std::min(text.size(), Capacity - size_);
        std::copy_n(text.data(), kept, text_.data() + size_);
        size_ += kept;
    }
    [[nodiscard]] constexpr std::string_view text() const { return {text_.data(), size_}; }

  private:
    std::array<char, Capacity> text_;
    std::size_t size_ = 0;
};

} // namespace twofold::abi
