#include "debug/gdb_packet.hpp"

#include <optional>

namespace twofold::vmm {

namespace {

constexpr char packet_begin = '$';
constexpr char packet_end = '#';
constexpr char escape = '}';
/// What an escaped byte is changed by.
constexpr char escape_bits = 0x20;
constexpr char interrupt_byte = 0x03;
constexpr std::string_view hex_digits = "0123456789abcdef";

std::optional<unsigned> hex_value(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
    return std::nullopt;
}

bool must_be_escaped(char c) {
    return c == packet_begin || c == packet_end || c == escape || c == '*';
}

void append_hex(std::string& to, unsigned byte) {
    to += hex_digits[byte >> 4 & 0xf];
    to += hex_digits[byte & 0xf];
}

} // namespace

std::string frame_gdb_packet(std::string_view payload) {
    std::string framed{packet_begin};
    unsigned sum = 0;
    auto const put = [&](char c) {
        framed += c;
        sum += static_cast<unsigned char>(c);
    };
    for (char const c : payload) {
        if (must_be_escaped(c)) {
            put(escape);
            put(static_cast<char>(c ^ escape_bits));
        } else {
            put(c);
        }
    }
    framed += packet_end;
    append_hex(framed, sum & 0xff);
    return framed;
}

std::string to_hex(std::span<std::byte const> bytes) {
    std::string hex;
    hex.reserve(bytes.size() * 2);
    for (std::byte const byte : bytes)
        append_hex(hex, static_cast<unsigned>(byte));
    return hex;
}

bool append_from_hex(std::string_view hex, std::string& to) {
    if (hex.size() % 2 != 0) return false;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        auto const high = hex_value(hex[i]);
        auto const low = hex_value(hex[i + 1]);
        if (!high || !low) return false;
        to += static_cast<char>(*high << 4 | *low);
    }
    return true;
}

void GdbPacketReader::feed(std::string_view bytes) {
    for (char const c : bytes)
        take(c);
}

void GdbPacketReader::take(char c) {
    switch (state_) {
    case State::between: return take_between(c);
    case State::payload: return take_payload(c);
    case State::escaped:
        sum_ = static_cast<std::uint8_t>(sum_ + static_cast<unsigned char>(c));
        append(static_cast<char>(c ^ escape_bits));
        state_ = State::payload;
        return;
    case State::first_digit:
        first_digit_ = c;
        state_ = State::second_digit;
        return;
    case State::second_digit: return finish(c);
    }
}

void GdbPacketReader::take_between(char c) {
    if (c == interrupt_byte) return handler_(Event::interrupt, {});
    if (c == '-') return handler_(Event::again, {});
    // '+', and noise.
    if (c != packet_begin) return;
    payload_.clear();
    sum_ = 0;
    too_long_ = false;
    state_ = State::payload;
}

void GdbPacketReader::take_payload(char c) {
    if (c == packet_begin) {
        // The packet before never ended.
        payload_.clear();
        sum_ = 0;
        too_long_ = false;
        return;
    }
    if (c == packet_end) {
        state_ = State::first_digit;
        return;
    }
    sum_ = static_cast<std::uint8_t>(sum_ + static_cast<unsigned char>(c));
    if (c == escape) {
        state_ = State::escaped;
        return;
    }
    append(c);
}

void GdbPacketReader::append(char c) {
    if (payload_.size() == most_packet_bytes) {
        too_long_ = true;
        return;
    }
    payload_ += c;
}

void GdbPacketReader::finish(char second_digit) {
    state_ = State::between;
    auto const high = hex_value(first_digit_);
    auto const low = hex_value(second_digit);
    if (too_long_ || !high || !low || (*high << 4 | *low) != sum_)
        return handler_(Event::broken, {});
    handler_(Event::packet, payload_);
}

} // namespace twofold::vmm
