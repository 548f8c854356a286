// Text written piece by piece into a sink that the caller gives, without memory of its own.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

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

/// "00", "01" ... "99".
inline constexpr auto digit_pairs = [] {
    std::array<char, 200> pairs{};
    for (unsigned i = 0; i < 100; ++i) {
        pairs[2 * i] = static_cast<char>('0' + i / 10);
        pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
    }
    return pairs;
}();

/// Writes the digits of `value` before `end`, without leading zeros. Returns where they begin.
template <unsigned Base, std::unsigned_integral Value>
constexpr char* put_digits_before(char* end, Value value) {
    static_assert(Base == 10 || Base == 16);
    // Two at a time: half as many divisions.
    while (Base == 10 && value >= 10) {
        end -= 2;
        std::copy_n(&digit_pairs[2 * (value % 100)], 2, end);
        value /= 100;
        if (value == 0) return end;
    }
    do {
        *--end = "0123456789abcdef"[value % Base];
        value /= Base;
    } while (value != 0);
    return end;
}

/// Writes the digits of `value`, without leading zeros.
template <unsigned Base, TextSink Sink>
constexpr void put_digits(Sink& sink, std::uint64_t value) {
    char digits[20];
    char* const end = digits + sizeof digits;
    // Divisions of 32 bits take half as many instructions.
    char const* const first = value >> 32 == 0
                                  ? put_digits_before<Base>(end, static_cast<std::uint32_t>(value))
                                  : put_digits_before<Base>(end, value);
    put(sink, std::string_view{first, static_cast<std::size_t>(end - first)});
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
    /// The same for a length that is known when it is compiled: a few moves where all of it fits.
    template <std::size_t N>
    constexpr void append(char const* text) {
        if (Capacity - size_ < N) return (*this)({text, N});
        if (std::is_constant_evaluated()) {
            std::copy_n(text, N, text_.data() + size_);
        } else {
            __builtin_memcpy(text_.data() + size_, text, N); // which compilers make moves of
        }
        size_ += N;
    }
    constexpr void clear() { size_ = 0; }
    [[nodiscard]] constexpr std::size_t room() const { return Capacity - size_; }
    [[nodiscard]] constexpr std::string_view text() const { return {text_.data(), size_}; }

  private:
    std::array<char, Capacity> text_;
    std::size_t size_ = 0;
};

} // namespace twofold::abi
