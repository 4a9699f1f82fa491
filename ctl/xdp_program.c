// SPDX-License-Identifier: GPL-2.0
/*
 * The XDP program of the entry xdp: eleven instructions that call a function of the
 * module, lbdr_xdp_forward(), and do what it returns. The kernel takes the function by its
 * number in the module's type information (BTF), which is read here: no BPF library is
 * needed for that.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/btf.h>

#include "lbctl.h"

#define MODULE "lbdr"
#define FUNCTION "lbdr_xdp_forward"
#define PROGRAM "lbdr_xdp"
#define BTF_DIRECTORY "/sys/kernel/btf/"
#define JIT "/proc/sys/net/core/bpf_jit_enable"

/* Of the kernel alone: there is no such errno in C libraries. */
#define KERNEL_ENOTSUPP 524

/* A file of type information, as a whole. */
struct btf {
	char *data;
	size_t size;
	const struct btf_header *header;
	const char *strings;
};

static int bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* Returns true if the file was read and is sound as a whole. */
static bool btf_read(struct btf *btf, const char *path)
{
	size_t room = 0;
	ssize_t count;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	memset(btf, 0, sizeof(*btf));
	if (fd < 0)
		return false;
	do {
		if (btf->size == room) {
			room = room ? 2 * room : 1 << 20;
			btf->data = or_exit(realloc(btf->data, room));
		}
		count = read(fd, btf->data + btf->size, room - btf->size);
		if (count > 0)
			btf->size += count;
	} while (count > 0);
	close(fd);
	btf->header = (const void *)btf->data;
	if (count < 0 || btf->size < sizeof(*btf->header) ||
	    btf->header->magic != BTF_MAGIC || btf->header->hdr_len > btf->size ||
	    btf->header->type_off + (__u64)btf->header->type_len >
	    btf->size - btf->header->hdr_len ||
	    btf->header->str_off + (__u64)btf->header->str_len >
	    btf->size - btf->header->hdr_len || !btf->header->str_len)
		return false;
	btf->strings = btf->data + btf->header->hdr_len + btf->header->str_off;
	return !btf->strings[btf->header->str_len - 1];
}

/* Bytes behind the common part of a type; -1 for a kind that is not known. */
static long btf_more(const struct btf_type *type)
{
	long count = BTF_INFO_VLEN(type->info);

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return count * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return count * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return count * sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		return count * sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return count * sizeof(struct btf_var_secinfo);
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		return 0;
	default:
		return -1;
	}
}

/*
 * Looks for a function in @btf, whose strings come behind @base_strings bytes of those of
 * the kernel. Returns its number from 1 on, or 0 if there is none. With @name NULL: the
 * number of types. -1 if a type is not known.
 */
static long btf_function(const struct btf *btf, __u32 base_strings, const char *name)
{
	const char *at = btf->data + btf->header->hdr_len + btf->header->type_off;
	const char *end = at + btf->header->type_len;
	const struct btf_type *type;
	long number = 0, more;
	__u32 string;

	for (; end - at >= (long)sizeof(*type); at += sizeof(*type) + more) {
		type = (const void *)at;
		number++;
		more = btf_more(type);
		if (more < 0)
			return -1;
		string = type->name_off - base_strings;
		if (name && BTF_INFO_KIND(type->info) == BTF_KIND_FUNC &&
		    string < btf->header->str_len && !strcmp(btf->strings + string, name))
			return number;
	}
	return name ? 0 : number;
}

/* Returns the number of the function for programs, 0 after a message. */
static __u32 function_number(void)
{
	struct btf kernel = { NULL }, module = { NULL };
	long types = -1, number = -1;

	if (access(BTF_DIRECTORY MODULE, F_OK)) {
		complain("entry xdp not supported: the module has no BTF: %s",
			 "Linux 6.12 or later is required, and a build with pahole");
		return 0;
	}
	if (btf_read(&kernel, BTF_DIRECTORY "vmlinux") &&
	    btf_read(&module, BTF_DIRECTORY MODULE)) {
		types = btf_function(&kernel, 0, NULL);
		number = btf_function(&module, kernel.header->str_len, FUNCTION);
	}
	free(kernel.data);
	free(module.data);
	if (types > 0 && number > 0)
		return types + number;
	complain("entry xdp not supported: %s " FUNCTION " in " BTF_DIRECTORY MODULE,
		 number ? "cannot find" : "there is no function");
	return 0;
}

/* Returns a file descriptor of the module's type information, or -1. */
static int module_btf(void)
{
	struct bpf_btf_info info;
	union bpf_attr attr;
	char name[64];
	__u32 id = 0;
	int fd;

	for (;;) {
		memset(&attr, 0, sizeof(attr));
		attr.start_id = id;
		if (bpf(BPF_BTF_GET_NEXT_ID, &attr))
			return -1;
		id = attr.next_id;
		memset(&attr, 0, sizeof(attr));
		attr.btf_id = id;
		fd = bpf(BPF_BTF_GET_FD_BY_ID, &attr);
		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0)
			return -1;
		memset(&info, 0, sizeof(info));
		info.name = (unsigned long)name;
		info.name_len = sizeof(name);
		memset(&attr, 0, sizeof(attr));
		attr.info.bpf_fd = fd;
		attr.info.info = (unsigned long)&info;
		attr.info.info_len = sizeof(info);
		if (!bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) && info.kernel_btf &&
		    !strcmp(name, MODULE))
			return fd;
		close(fd);
	}
}

/* Without the JIT, programs cannot call functions of the kernel. */
static bool jit_is_off(void)
{
	FILE *from = fopen(JIT, "re");
	int first = from ? fgetc(from) : EOF;

	if (from)
		fclose(from);
	return first == '0';
}

static int load(__u32 function, int btf)
{
	/* A 32-bit result: the upper half of the register is undefined. */
	const struct bpf_insn program[] = {
		{ .code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL,
		  .off = 1, .imm = function },
		{ .code = BPF_JMP32 | BPF_JSGT | BPF_K, .dst_reg = BPF_REG_0, .off = 5 },
		{ .code = BPF_JMP32 | BPF_JEQ | BPF_K, .dst_reg = BPF_REG_0, .off = 2 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0,
		  .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0,
		  .imm = XDP_TX },
		{ .code = BPF_JMP | BPF_EXIT },
		{ .code = BPF_ALU | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1,
		  .src_reg = BPF_REG_0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	/* A call names the type information by its place here, and 0 is the kernel's. */
	int types[] = { btf, btf };
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_XDP;
	attr.insns = (unsigned long)program;
	attr.insn_cnt = ARRAY_SIZE(program);
	attr.license = (unsigned long)"GPL";
	attr.fd_array = (unsigned long)types;
	strcpy(attr.prog_name, PROGRAM);
	return bpf(BPF_PROG_LOAD, &attr);
}

/**
 * xdp_program_load() - load the program
 *
 * Return: its file descriptor, or -1 after a message.
 */
int xdp_program_load(void)
{
	__u32 function;
	int btf, fd;

	if (jit_is_off()) {
		complain("entry xdp not supported: %s",
			 "the BPF JIT is off; fix: sysctl net.core.bpf_jit_enable=1");
		return -1;
	}
	function = function_number();
	if (!function)
		return -1;
	btf = module_btf();
	if (btf < 0) {
		complain("cannot open the BTF of the module: %s",
			 strerror(errno));
		return -1;
	}
	fd = load(function, btf);
	if (fd < 0)
		complain("cannot load the XDP program: %s", errno == KERNEL_ENOTSUPP ?
			 "not supported by this kernel" : strerror(errno));
	close(btf);
	return fd;
}

/**
 * xdp_program_open() - open a program by its number, if it is one of the entry xdp
 * @id: the number
 *
 * Return: its file descriptor, or -1.
 */
int xdp_program_open(__u32 id)
{
	struct bpf_prog_info info = { .id = 0 };
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_id = id;
	fd = bpf(BPF_PROG_GET_FD_BY_ID, &attr);
	if (fd < 0)
		return -1;
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = fd;
	attr.info.info = (unsigned long)&info;
	attr.info.info_len = sizeof(info);
	if (!bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) && !strcmp(info.name, PROGRAM))
		return fd;
	close(fd);
	return -1;
}
