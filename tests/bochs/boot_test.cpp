// The image boots, and what is wrong with it is said.
#include "catch.hpp"
#include "support/boot_image.hpp"
#include "support/elf_file.hpp"

#include <twofold/abi/launch_info.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>

namespace boot_test {

namespace {

using namespace twofold;
using namespace twofold::test;
using Json = nlohmann::json;

constexpr std::uint64_t mebibyte = 1 << 20;

std::vector<Json> records(Booted const& booted) {
    std::vector<Json> records;
    std::ranges::transform(booted.report, std::back_inserter(records),
                           [](std::string const& line) { return Json::parse(line); });
    return records;
}

/// The message of the `error` that a report ends with, before its `end`.
std::string last_error(Booted const& booted) {
    auto const all = records(booted);
    REQUIRE(all.size() >= 2);
    REQUIRE(all.back()["record"] == "end");
    REQUIRE(all[all.size() - 2]["record"] == "error");
    return all[all.size() - 2]["message"];
}

/// One guest of a few bytes at `address`.
vmm::LaunchPlan native_plan(std::uint64_t address, std::uint64_t memory) {
    ElfFile const file{{TestSegment{address, std::vector(16, std::byte{0x90}), 0x2000}}};
    return {.guests = {vmm::GuestPlan{
                .arguments = {"guest"}, .elf = file.bytes(), .memory_bytes = memory}},
            .native = true};
}

bool has(std::string const& text, std::string_view part) { return text.find(part) != text.npos; }

} // namespace

TEST_CASE("the bare image boots, says where its ticks went and that it holds no guest, and ends") {
    auto const booted = boot(hypervisor_image());
    CHECK(booted.ending == vmm::Ending::Kind::finished);
    CHECK(has(last_error(booted), "no bundle"));
    CHECK(has(booted.console, "no bundle"));

    auto const all = records(booted);
    REQUIRE(all.size() == 3);
    CHECK(all[0]["record"] == "boot");
    CHECK(all[0]["memory_bytes"] > 60 * mebibyte);
    CHECK(all[0]["memory_bytes"] < 64 * mebibyte);
    std::vector<std::string> names;
    for (auto const& phase : all[0]["phases"]) {
        names.push_back(phase["name"]);
        CHECK(phase["ticks"] > 0);
    }
    CHECK(names == std::vector<std::string>{"memory_map", "load_payload", "long_mode",
                                            "descriptor_tables", "page_tables"});
    CHECK(all[2]["frames_in_use"] == 0);
}

TEST_CASE("the same image boots to the same tick") {
    CHECK(boot(hypervisor_image()).report == boot(hypervisor_image()).report);
}

TEST_CASE("a payload that is larger than memory is refused before it is loaded") {
    for (std::uint32_t const sectors : {0x20000U, 0x7fffffU, 0xffffffffU}) {
        auto const booted = boot(with_header(hypervisor_image(), [&](abi::ImageHeader& header) {
            header.payload_sectors = sectors;
        }));
        CHECK(has(last_error(booted), "does not fit into the memory"));
        CHECK(has(booted.console, "does not fit into the memory"));
    }
}

TEST_CASE("a disk that ends before its payload does is an error with the firmware's status") {
    auto const booted = boot(with_header(
        hypervisor_image(), [](abi::ImageHeader& header) { header.payload_sectors = 0x4000; }));
    CHECK(has(last_error(booted), "cannot read the disk, INT 13h status 0x"));
}

TEST_CASE("a bundle outside the payload is refused, and the field named") {
    auto const plan = native_plan(abi::guest_link_address, 8 * mebibyte);
    auto const error = [&](auto change) {
        return last_error(boot(with_header(image_of(plan), change)));
    };
    CHECK(has(error([](abi::ImageHeader& header) { header.bundle_offset = 0xffff'f000; }),
              "bundle_offset in the disk's ImageHeader at offset 0x200 is 0xfffff000"));
    CHECK(has(error([](abi::ImageHeader& header) { header.bundle_offset = 0x1000; }),
              "bundle_offset in the disk's ImageHeader at offset 0x200 is 0x1000"));
    CHECK(has(error([](abi::ImageHeader& header) { header.bundle_bytes = ~std::uint64_t{0}; }),
              "bundle_bytes in the disk's ImageHeader at offset 0x200 is 0xffffffffffffffff"));
    CHECK(has(error([](abi::ImageHeader& header) { header.bundle_bytes = 1; }),
              "bundle_bytes in the disk's ImageHeader at offset 0x200 is 0x1"));
}

TEST_CASE(
    "a native guest that does not fit beside the hypervisor is refused, and its place named") {
    auto const error = [](std::uint64_t address, std::uint64_t memory) {
        return last_error(boot(image_of(native_plan(address, memory))));
    };
    CHECK(has(error(abi::payload_address + 0x1000, 8 * mebibyte),
              "from 0x101000 to 0x101010, where the hypervisor is; link it at 0x400000"));
    CHECK(has(error(0x7000, 8 * mebibyte), "from 0x7000 to 0x7010, where the firmware keeps"));
    CHECK(has(error(abi::guest_link_address, 64 * mebibyte), "not all of which this machine has"));
    CHECK(has(error(abi::guest_link_address, 3 * mebibyte), "the guest cannot be loaded: "));
}

} // namespace boot_test
