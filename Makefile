# What people and CI run. Each target says in one line what it does; `make` alone lists them.

.PHONY: help run test check fmt figures tools

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' Makefile | sed 's/:.*## /\t/' | expand -t 12

run: ## build everything and serve on http://127.0.0.1:3000
	cargo run --release --bin sesodocs -- serve

test: tools ## install what the tests need and run all of them
	cargo test --workspace
	npm --prefix web test
	npm --prefix e2e test

check: e2e/node_modules ## formatting, lints, types: what must be clean before a commit
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings -A rustdoc::bare_urls -A rustdoc::private_intra_doc_links' cargo doc --workspace --no-deps --document-private-items --quiet
	npm --prefix web run check
	npm --prefix e2e run check

fmt: e2e/node_modules ## format everything
	cargo fmt --all
	npm --prefix web run fmt
	npm --prefix e2e run fmt

figures: tools ## print the figures: edits per second, latencies, memory
	npm --prefix e2e run figures

tools: e2e/node_modules
	e2e/install-tools

e2e/node_modules: e2e/package-lock.json
	npm --prefix e2e ci --ignore-scripts --no-audit --no-fund
	touch $@
