// Why an ATA disk did not do what it was asked, in words.
#pragma once

#include <twofold/abi/text.hpp>

#include <cstdint>
#include <string_view>

namespace twofold::hv {

struct AtaError {
    enum class Command : std::uint8_t { identify, read, write };
    enum class Kind : std::uint8_t {
        /// Nothing is connected there.
        absent,
        /// What is connected there is no disk: an optical drive, for instance.
        not_a_disk,
        /// A disk from before logical block addresses.
        no_block_addresses,
        /// The sectors lie behind the last one that the disk has.
        beyond_end,
        /// It stayed busy for as long as anybody waits.
        stuck,
        /// It took the command, and neither asked for data nor said what is wrong.
        no_data_request,
        /// It says that it is broken: status bit DF.
        device_fault,
        /// It says what is wrong: status bit ERR.
        refused,
        /// It said that all was well, and the bytes are others than those that were written.
        other_contents,
    };

    Kind kind;
    Command command;
    /// The first sector of the command.
    std::uint64_t sector = 0;
    /// The registers when it was seen.
    std::uint8_t status = 0;
    std::uint8_t error = 0;
};

/// The error register's bits ("ATA/ATAPI Command Set", "Error field"), the gravest first.
constexpr std::string_view ata_error_bits(std::uint8_t error) {
    if ((error & 0x80) != 0) return "the data were damaged on their way";
    if ((error & 0x40) != 0) return "the sector can't be read without errors";
    if ((error & 0x10) != 0) return "there is no such sector";
    if ((error & 0x04) != 0) return "the command was aborted";
    return "no reason is given";
}

constexpr std::string_view reason_of(AtaError const& error) {
    switch (error.kind) {
    case AtaError::Kind::absent: return "nothing is connected there";
    case AtaError::Kind::not_a_disk: return "what is connected there is no disk";
    case AtaError::Kind::no_block_addresses: return "the disk has no logical block addresses";
    case AtaError::Kind::beyond_end: return "the disk ends before";
    case AtaError::Kind::stuck: return "the disk stayed busy";
    case AtaError::Kind::no_data_request: return "the disk took the command and did nothing";
    case AtaError::Kind::device_fault: return "the disk reports a fault of its own";
    case AtaError::Kind::refused: return ata_error_bits(error.error);
    case AtaError::Kind::other_contents: return "other bytes came back than were written there";
    }
    return "";
}

/// "writing sector 64: there is no such sector (status 0x51, error 0x10)".
template <abi::TextSink Sink>
constexpr void describe(AtaError const& error, Sink& sink) {
    if (error.command == AtaError::Command::identify) {
        abi::put(sink, "IDENTIFY DEVICE");
    } else {
        abi::put(sink, error.command == AtaError::Command::read ? "reading" : "writing");
        abi::put(sink, " sector ");
        abi::put_decimal(sink, error.sector);
    }
    abi::put(sink, ": ");
    abi::put(sink, reason_of(error));
    if (error.kind == AtaError::Kind::other_contents) return; // the registers know nothing of it
    abi::put(sink, " (status ");
    abi::put_hexadecimal(sink, std::uint64_t{error.status});
    abi::put(sink, ", error ");
    abi::put_hexadecimal(sink, std::uint64_t{error.error});
    abi::put(sink, ")");
}

} // namespace twofold::hv
