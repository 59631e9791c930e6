"""Keys and choices as other tools call them, and what to type here: hints in errors."""

# words -> (key that the command must have, what to type)
KEYS: dict[str, tuple[str, str]] = {
    "model arch architecture net backbone": ("network", "The players are a group: write network={value}."),
    "generator netg g": ("network", "The players are a group: network=dcgan, and network.G.<setting>={value} for G."),
    "discriminator critic netd d": ("network", "The players are a group: network=dcgan, network.D.<setting>={value}."),
    "lr learning_rate learningrate base_lr": (
        "optimizer",
        "Write optimizer.lr={value}, or optimizer.d.lr= and optimizer.g.lr= for each player.",
    ),
    "lr_d d_lr lrd disc_lr": ("optimizer", "Write optimizer.d.lr={value}."),
    "lr_g g_lr lrg gen_lr": ("optimizer", "Write optimizer.g.lr={value}."),
    "beta1 beta2 beta_1 beta_2 b1 b2 betas": ("optimizer", "Write 'optimizer.betas=[0.5,0.999]'."),
    "momentum": ("optimizer", "Write optimizer=sgd optimizer.momentum={value}."),
    "weight_decay wd": ("optimizer", "Write +optimizer.d.weight_decay={value} +optimizer.g.weight_decay={value}."),
    "optim opt solver": ("optimizer", "The optimizer is a group: write optimizer=adam or optimizer=sgd."),
    "scheduler lr_scheduler lr_schedule": ("schedule", "It is a group: write schedule=cosine, or another of --help."),
    "epochs epoch n_epochs num_epochs max_epochs nepoch niter": (
        "steps",
        "The length of a run is counted in G steps, not epochs: write steps=10000 (an epoch of MNIST has "
        "937 batches of 64).",
    ),
    "iters iter iterations max_iter max_iters n_iter num_iterations max_steps n_steps num_steps total_steps kimg": (
        "steps",
        "The length of a run is counted in G steps: write steps={value}.",
    ),
    "batch batchsize b bs bsz batch_sz": ("batch_size", "Write batch_size={value}."),
    "num_workers workers n_workers n_cpu": (
        "data",
        "There are no workers to count: the data lie in memory. Leave it out.",
    ),
    "gpus gpu n_gpus num_gpus ngpu gpu_ids cuda device accelerator": (
        "trainer",
        "Write trainer=gpu, and devices= for more than one; trainer=cpu for none.",
    ),
    "dataset datasets data_set dataset_name": ("data", "The dataset is a group: write data={value}."),
    "dataroot data_root data_dir datadir data_path path root dataset_root": (
        "data",
        "Write data.root={value}, or set the environment variable GAN_DATA.",
    ),
    "gan_data": (
        "data",
        "It is an environment variable, typed before the command: GAN_DATA={value} python -m gan_lightning.train",
    ),
    "wandb use_wandb mlflow": (
        "logger",
        "Write logger=wandb or logger=mlflow.",
    ),
    "g_steps": ("study", "Write study.steps={value}."),
    "h": ("study", "Write study.lr={value}."),
    "image_size img_size imagesize resolution": ("data", "Write data.size={value} (data=digits, image_folder)."),
    "channels nc img_channels": ("data", "Write data.channels={value} (data=image_folder)."),
    "z_dim zdim latent_dim latent latent_size nz noise_dim noise_size z_size dim": (
        "prior",
        "z is drawn from the prior: write prior.dim={value}.",
    ),
    "ngf ndf nf width": ("network", "Write network.G.width={value} network.D.width={value} (network=dcgan)."),
    "hidden hidden_dim hidden_size": ("network", "Write 'network.G.hidden=[128,256]' 'network.D.hidden=[256,128]'."),
    "k n_critic critic_iters n_dis d_iters disc_iters": (
        "d_steps",
        "k of Algorithm 1 is d_steps: write d_steps={value}.",
    ),
    "label_smoothing smooth real_label": ("smoothing", "Label smoothing is a group: write smoothing=one_sided."),
    "conditional cond cgan n_classes num_classes class_cond labels": (
        "condition",
        "A game that knows the classes is a group: write condition=projection; the classes are those of the data.",
    ),
    "amp fp16 half mixed_precision dtype": ("precision", "It is a group: write precision=bf16 or precision=fp16."),
    "channels_last nhwc layout": ("memory_format", "Write memory_format=channels_last, or auto."),
    "techniques tricks regularizer regularisation regularization": (
        "technique",
        "Write 'technique=[{value}]'.",
    ),
    "gp lambda_gp gp_weight lambda_": (
        "technique",
        "Write 'technique=[gradient_penalty]' technique.gradient_penalty.weight={value}.",
    ),
    "ema_decay": ("technique", "Write 'technique=[ema]' technique.ema.decay={value}."),
    "ckpt checkpoint ckpt_path resume_from restore continue_from load": ("resume", "Write resume=<run directory>."),
    "pretrained pretrained_weights from_pretrained finetune fine_tune finetune_from init_from transfer": (
        "init",
        "Write init=<run directory>, or init=zoo:mnist.",
    ),
    "random_seed manual_seed manualseed": ("seed", "Write seed={value}."),
    "sample_interval save_every save_interval": ("sample_every", "Write sample_every={value}, in G steps."),
    "log_interval print_every": ("log_every", "Write log_every={value}, in G steps."),
    "name exp_name experiment_name run_name outdir out_dir output_dir out save_dir logdir log_dir workdir": (
        "hydra.run.dir",
        "A run gets a directory of its own below outputs/; to name it, write hydra.run.dir=<folder>.",
    ),
    "checkpoint_path ckpt checkpoint model weights": ("run", "Write run=<run directory or checkpoint>."),
    "samples n_samples num_samples num count number nimages": ("n", "Write n={value}."),
    "runs sweep": ("run", "Write run={value}; several are a glob in quotes."),
    "run sweep dir": ("runs", "Write runs={value}."),
    "y class classes class_idx digit category": ("label", "Write label={value}, or several: 'label=[0,1,2]'."),
    "output output_dir outdir out_dir save_dir dir folder": ("out", "Write out={value}."),
    "metric": ("metrics", "It is a group: write metrics=fast, or another of --help."),
    "generator g ema average": ("metrics", "It measures each generator of a run, its averages too. Leave it out."),
    "data dataset": ("metrics", "It measures on the data that the run was trained on; root= says where they lie."),
    "judge classifier": ("metrics", "The judge is that of the run's data. Leave it out."),
    "out output outdir out_dir": ("metrics", "It writes into the run's own directory. Leave it out."),
    "ema average": ("generator", "Write generator=ema, if the run kept an average."),
}

# group -> words -> what to type
CHOICES: dict[str, dict[str, str]] = {
    "loss": {
        "bce gan vanilla standard non_saturating nonsaturating ns": "The non-saturating loss is loss=nsgan.",
        "minimax saturating mm": "The minimax loss is loss=mmgan.",
        "ls least_squares mse l2": "Least squares is loss=lsgan.",
        "wgan_gp wgan-gp wgangp": "Write loss=wgan 'technique=[gradient_penalty]'.",
        "wasserstein": "It is loss=wgan.",
        "relativistic rgan r3gan": "It is loss=rpgan.",
    },
    "smoothing": {
        "true yes on 0.9 0.1 one": "Smoothing of the real side to 0.9 is smoothing=one_sided.",
        "false no off 0 1": "It is smoothing=none.",
    },
    "condition": {
        "proj pcgan": "It is condition=projection.",
        "cgan onehot one_hot concatenation": "It is condition=concat.",
        "acgan ac_gan ac-gan aux classifier": "It is condition=auxiliary.",
        "adcgan adc_gan adc-gan adc": "It is condition=discriminative.",
        "icgan ic_gan ic-gan instances ccicgan": "It is condition=instance.",
        "true yes on": "Write condition=projection, or another of them.",
        "null false no off": "It is condition=none.",
    },
    "trainer": {"cuda nvidia mps rocm": "It is trainer=gpu.", "multi_gpu dp fsdp": "It is trainer=ddp."},
    "precision": {
        "16 16-mixed float16 half 16-true amp": "It is precision=fp16 (on GPUs) or precision=bf16.",
        "bfloat16 bf16-mixed": "It is precision=bf16.",
        "32 float32 32-true full": "It is precision=fp32.",
    },
    "optimizer": {"rmsprop adamw radam adagrad": "Another one is a file of its own in conf/optimizer/."},
    "metrics": {
        "fid is kid inception_score": "FID itself is in metrics=inception; metrics=default has the Frechet distance "
        "on the features of the judge."
    },
    "data": {
        "cifar cifar10 cifar100 celeba lsun stl10 svhn": "Pictures of your own are data=image_folder "
        "data.root=<folder with a sub-folder per class>."
    },
    "technique": {"none null no false off": "Without any, leave it out, or write 'technique=[]'."},
    "logger": {
        "neptune comet": "Another one of Lightning's is added: "
        "+logger.comet._target_=lightning.pytorch.loggers.CometLogger.",
        "tensorboard tb": "It is logger=default.",
        "weights_and_biases wb weightsandbiases": "It is logger=wandb.",
        "none null no false off": "One is taken out with ~logger.tensorboard or ~logger.jsonl.",
    },
    "callbacks": {"none null no false off": "One is taken out by its name: ~callbacks.samples."},
    "prior": {
        "gaussian gauss randn": "It is prior=normal.",
        "rand": "It is prior=uniform.",
        "one_hot onehot infogan clustergan mixture discrete": "It is prior=categorical.",
    },
    "network": {"cnn convolutional": "It is network=conv, or network=dcgan.", "fc linear dense": "It is network=mlp."},
}

# choice of a group of Hydra's -> the extra of this project that installs it
EXTRAS = {"joblib": "sweeps", "optuna": "search", "submitit_slurm": "slurm", "submitit_local": "slurm"}

# group of Hydra's -> its choices that are not files of conf/
OF_HYDRA = {"hydra/launcher": ("basic", "joblib"), "hydra/sweeper": ("basic", "optuna")}
